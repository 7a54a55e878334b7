"""Reads new monitor events once for all clients of this process, caches them and wakes subscribers."""

import asyncio
from collections import deque
from typing import Final

import structlog
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.projections.checkpoint import ReadModelPosition
from makima_kernel.projections.projector import Projector

from makima_gateway.monitor.row_board import RowBoard
from makima_gateway.monitor.subscriptions import SubscriptionIndex
from makima_gateway.read_model.monitor_events import (
    MONITOR_PAGE_CHARACTERS,
    MONITOR_PAGE_EVENTS,
    MonitorEvent,
)
from makima_gateway.read_model.queries import Queries

MAX_RECENT_EVENTS: Final = 10_000  # events; a reader that is further behind reads from the database
MAX_RECENT_CHARACTERS: Final = 32 * 1024 * 1024  # a question alone may have a quarter of a mebibyte
EPOCH_POLL_SECONDS: Final = 0.5  # how often the epoch is asked for when nothing happens; else with each page
TAIL_RETRY_SECONDS: Final = 0.5


class LogTail:
    """Cache of the newest monitor events, and the position up to which subscribers may send.

    Each subscriber keeps a cursor and reads the events after it from here. There is no queue per subscriber,
    so a slow one delays only itself.
    """

    def __init__(self, queries: Queries, projector: Projector, board: RowBoard) -> None:
        self._queries = queries
        self.board = board
        self._projector = projector
        self._recent: deque[MonitorEvent] = deque()
        self._characters = 0  # of the messages in _recent
        self._complete_after = 0  # everything above this position is in _recent
        self.started = asyncio.Event()
        self.subscriptions = SubscriptionIndex()
        self.position = 0
        self.epoch = ""
        self.generation = 0
        self.closing = False

    async def run(self) -> None:
        """Until cancelled.

        While the database is unreachable nothing is sent; then it continues at the same position.
        """
        while True:
            try:
                await self._projector.wait_for(self.position + 1, EPOCH_POLL_SECONDS)
                await (self._advance() if self.started.is_set() else self._start())
            except DATABASE_UNAVAILABLE as error:
                structlog.get_logger().warning(
                    "monitor.database_away", reason=f"{type(error).__name__}: {error}"
                )
                await asyncio.sleep(TAIL_RETRY_SECONDS)

    def read_after(self, after: int) -> list[MonitorEvent] | None:
        """The next events after position `after`, at most a page; None: they are no longer cached."""
        if after < self._complete_after:
            return None
        found: list[MonitorEvent] = []
        for event in reversed(self._recent):
            if event.position <= after:
                break
            found.append(event)
        found.reverse()
        return _page(found)

    async def shown(self) -> int:
        """Up to where the read model shows this log now, which clients may have read: so far as the tail is, or
        further. While the database is unreachable, as far as the tail is.
        """
        try:
            shown = await self._projector.read_model_position()
        except DATABASE_UNAVAILABLE:
            shown = None
        if shown is None or str(shown.epoch) != self.epoch:
            return self.position
        return max(self.position, shown.position)

    async def read_from_database(self, after: int, upto: int) -> list[MonitorEvent]:
        """The next events after position `after` and up to `upto`, at most a page, from the database."""
        return await self._queries.monitor_events(after, upto)

    def close(self) -> None:
        """Let every subscriber end; its WebSocket is closed with code 1001."""
        self.closing = True
        self.subscriptions.notify_all()

    async def _start(self) -> None:
        """Start at the read model's current position, once it has one.

        Older events are sent only to a client that asks with `since`.
        """
        shown = await self._projector.read_model_position()
        if shown is None or (shown.position == 0 and self._projector.ready() is not None):
            return
        self._begin_at(shown)
        self.started.set()

    async def _advance(self) -> None:
        """Read the next page of events and wake the subscribers that it matches.

        The epoch is checked before and after the page is read, and a page that was read while the log changed
        is dropped: so subscribers are reset before they get an event of another log, also under steady
        traffic. The position comes from the read model's checkpoint, not from the projector: after a restore
        the projector's position in memory may be one of the log before, and higher.
        """
        shown = await self._projector.read_model_position()
        if self._is_another_log(shown) or shown is None or shown.position <= self.position:
            return
        page = await self._queries.monitor_events(self.position, shown.position)
        if self._is_another_log(await self._projector.read_model_position()):
            return
        self._recent.extend(page)
        characters = sum(len(event.message) for event in page)
        self._characters += characters
        self._forget()
        reached = (
            page[-1].position
            if len(page) == MONITOR_PAGE_EVENTS or characters >= MONITOR_PAGE_CHARACTERS
            else shown.position
        )
        touched = await self.board.advance(self.position, reached)
        self.position = reached
        self.subscriptions.notify(touched or ((event.position, event.contract_id) for event in page))

    def _forget(self) -> None:
        """Drop the oldest cached events while there are too many or their messages are too long together."""
        while len(self._recent) > MAX_RECENT_EVENTS or self._characters > MAX_RECENT_CHARACTERS:
            oldest = self._recent.popleft()
            self._characters -= len(oldest.message)
            self._complete_after = oldest.position

    def _is_another_log(self, shown: ReadModelPosition | None) -> bool:
        """True if the read model shows a log with another epoch; then begin anew and wake all for a `reset`.

        This happens only once the read model shows the other log, as clients read their state from it right
        after the reset. A read model that is further back in the same log (a rebuild) needs no reset: it
        reaches the position again.
        """
        if shown is None or str(shown.epoch) == self.epoch:
            return False
        structlog.get_logger().warning(
            "monitor.reset", epoch=str(shown.epoch), before=self.epoch, position=shown.position
        )
        self.generation += 1
        self._begin_at(shown)
        self.subscriptions.notify_all()
        return True

    def _begin_at(self, shown: ReadModelPosition) -> None:
        self._recent.clear()
        self._characters = 0
        self.epoch = str(shown.epoch)
        self.position = self._complete_after = shown.position
        self.board.begin_at(shown.position)


def _page(events: list[MonitorEvent]) -> list[MonitorEvent]:
    """The first events, at most a page, cut like the database query cuts one.

    So a subscriber whose client does not read keeps at most a page in memory.
    """
    characters = 0
    for number, event in enumerate(events[:MONITOR_PAGE_EVENTS]):
        if characters >= MONITOR_PAGE_CHARACTERS:
            return events[:number]
        characters += len(event.message)
    return events[:MONITOR_PAGE_EVENTS]
