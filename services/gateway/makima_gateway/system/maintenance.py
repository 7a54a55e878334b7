"""The maintenance windows as the log has them: read at each request, from where the last one ended."""

from uuid import UUID

from makima_kernel.event_log.log import Log
from makima_schemas.codec import decode
from makima_schemas.envelope import Recorded
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.maintenance import Windows, evolve
from makima_schemas.planned_maintenance import Plans
from makima_schemas.planned_maintenance import evolve as evolve_plans
from makima_schemas.silence import MAINTENANCE_STREAM


class MaintenanceReader:
    """Always current, so that a GET shows what any PUT before it did."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._windows, self._plans = Windows(), Plans()
        self._last: UUID | None = None  # the id of the event at their version

    async def now(self) -> Windows:
        """What is open."""
        return (await self.expected())[0]

    async def expected(self) -> tuple[Windows, Plans]:
        """What is open, and what is planned, of one moment."""
        windows, plans, last = self._windows, self._plans, self._last
        events = await self._after(windows.version - 1)
        if last is not None and (not events or events[0].event_id != last):
            # this log is another one: restored, or new
            windows, plans, events = Windows(), Plans(), await self._after(0)
        for recorded in events:
            event = decode(recorded.type, recorded.schema, recorded.data)
            windows, plans = evolve(windows, recorded, event), evolve_plans(plans, recorded, event)
        self._windows, self._plans = windows, plans
        self._last = events[-1].event_id if events else None
        return windows, plans

    async def _after(self, version: int) -> list[Recorded]:
        return await self._log.stream(DEFAULT_TENANT, MAINTENANCE_STREAM, after=max(version, 0))
