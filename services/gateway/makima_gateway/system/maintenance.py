"""The maintenance windows as the log has them: read at each request, from where the last one ended."""

from uuid import UUID

from makima_kernel.event_log.log import Log
from makima_schemas.codec import decode
from makima_schemas.envelope import Recorded
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.maintenance import Windows, evolve
from makima_schemas.silence import MAINTENANCE_STREAM


class MaintenanceReader:
    """Always current, so that a GET shows what any PUT before it did."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._windows = Windows()
        self._last: UUID | None = None  # the id of the event at their version

    async def now(self) -> Windows:
        windows, last = self._windows, self._last
        events = await self._after(windows.version - 1)
        if last is not None and (not events or events[0].event_id != last):
            windows, events = Windows(), await self._after(0)  # this log is another one: restored, or new
        for recorded in events:
            windows = evolve(windows, recorded, decode(recorded.type, recorded.schema, recorded.data))
        self._windows, self._last = windows, events[-1].event_id if events else None
        return windows

    async def _after(self, version: int) -> list[Recorded]:
        return await self._log.stream(DEFAULT_TENANT, MAINTENANCE_STREAM, after=max(version, 0))
