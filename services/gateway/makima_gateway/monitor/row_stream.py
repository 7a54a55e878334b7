"""One client's `Rows`: of each contract that changed the latest row, at most five times a second."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from time import monotonic
from typing import Final

import orjson
from makima_kernel.event_log.log import Log

from makima_gateway.monitor.filter import MonitorFilter
from makima_gateway.monitor.row_board import RowBoard
from makima_gateway.read_model.queries import Queries

ROWS_INTERVAL_SECONDS: Final = 0.2  # between two messages, at least
MAX_ROWS: Final = 500  # in a message


class RowStream:
    """A cursor on the board: nothing is queued for a client, so a slow one gets fewer and newer rows."""

    def __init__(
        self,
        board: RowBoard,
        log: Log,
        queries: Queries,
        may_see: Callable[[str, str], Awaitable[bool]],
        wake: asyncio.Event,
    ) -> None:
        """`may_see`: whether the client may see this tenant's contract. `wake` is set when rows are due."""
        self._board, self._log, self._queries = board, log, queries
        self._may_see, self._wake = may_see, wake
        self._reading = False  # this client counts among the board's readers
        self._cursor = 0  # changes up to here were sent
        self._due = 0.0  # when the next message may be sent, on the monotonic clock
        self._timer: asyncio.TimerHandle | None = None

    def want(self, wanted: bool) -> None:
        """Follow the log or not."""
        self._board.readers += int(wanted) - int(self._reading)
        self._reading = wanted
        if not wanted and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def move_to(self, position: int) -> None:
        """The client knows the rows as of this position."""
        self._cursor = position

    async def messages(self, tenant: str, wanted: MonitorFilter, sent_upto: int) -> AsyncIterator[str]:
        """The messages that are due; none if there is nothing new. The client was told all events up to `sent_upto`."""
        if not self._reading or self._cursor >= self._board.position:
            return
        if (left := self._due - monotonic()) > 0:
            self._wake_in(left)
            return
        self._due = monotonic() + ROWS_INTERVAL_SECONDS
        upto = self._board.position
        changed = await self._changed(tenant)
        for begin in range(0, len(changed), MAX_ROWS):
            message = await self._message(
                tenant, wanted, changed[begin : begin + MAX_ROWS], min(sent_upto, upto)
            )
            if message is not None:
                yield message
        self._cursor = upto

    async def _changed(self, tenant: str) -> list[str]:
        found, complete = self._board.since(tenant, self._cursor)
        if complete:
            return found
        first = await self._log.after(self._cursor, 1)
        if not first:
            return found
        older = await self._queries.changed_since(tenant, first[0].recorded_at)
        return list(dict.fromkeys((*older, *found)))

    async def _message(
        self, tenant: str, wanted: MonitorFilter, changed: Sequence[str], position: int
    ) -> str | None:
        seen = [
            each
            for each in changed
            if (not wanted.contract_ids or each in wanted.contract_ids) and await self._may_see(tenant, each)
        ]
        if not seen:
            return None
        found = await self._board.rows(tenant, seen)
        shown = {
            each: encoded
            for each, (status, encoded) in found.items()
            if not wanted.statuses or status in wanted.statuses
        }
        return orjson.dumps(
            {
                "type": "Rows",
                "position": position,
                "rows": [orjson.Fragment(encoded) for encoded in shown.values()],
                "removed": [each for each in seen if each not in shown],
            }
        ).decode()

    def _wake_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._wake.set()
