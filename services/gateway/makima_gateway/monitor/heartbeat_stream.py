"""One client's `Heartbeat`s: of each sender that it wants the latest, at most one a second."""

import asyncio
from collections.abc import AsyncIterator

from makima_gateway.monitor.filter import MonitorFilter
from makima_gateway.monitor.heartbeat_message import heartbeat_message
from makima_gateway.monitor.monitor import Monitor
from makima_gateway.monitor.visible_contracts import VisibleContracts


class HeartbeatStream:
    """A cursor on the latest heartbeats: nothing is queued for a client."""

    def __init__(self, monitor: Monitor, visible: VisibleContracts, wake: asyncio.Event) -> None:
        """`wake` is set when there are new ones, if any are wanted."""
        self._latest, self._names = monitor.latest_heartbeats, monitor.names
        self._visible, self._wake = visible, wake
        self._wanted = MonitorFilter()
        self._cursor = 0  # the last tick of the latest heartbeats that was handled

    def want(self, wanted: MonitorFilter) -> None:
        self._wanted = wanted
        (self._latest.waiters.add if wanted.heartbeats else self._latest.waiters.remove)(self._wake)

    def begin(self) -> None:
        """What was heard until now is no news."""
        self._cursor = self._latest.tick

    async def messages(self) -> AsyncIterator[dict[str, object]]:
        """Those that changed since the last call. One that is replaced meanwhile comes with the next."""
        upto = self._latest.tick
        pending = self._latest.since(self._cursor) if self._wanted.heartbeats else ()
        self._cursor = upto
        for sender in pending:
            latest = self._latest.latest(*sender)
            if latest is None or latest.tick > upto or not self._wanted.matches_heartbeat(latest):
                continue
            if await self._visible.may_see(latest.tenant, latest.contract_id):
                yield heartbeat_message(latest, await self._names.of(latest.tenant, latest.contract_id))
