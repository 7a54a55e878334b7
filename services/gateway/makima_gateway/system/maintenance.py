"""The maintenance windows as the log has them: read at each request, from where the last one ended."""

from makima_kernel.event_log.log import Log
from makima_schemas.codec import decode
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.maintenance import Windows, evolve
from makima_schemas.silence import MAINTENANCE_STREAM


class MaintenanceReader:
    """Always current, so that a GET shows what any PUT before it did."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._windows = Windows()

    async def now(self) -> Windows:
        windows = self._windows
        for recorded in await self._log.stream(DEFAULT_TENANT, MAINTENANCE_STREAM, after=windows.version):
            event = decode(recorded.type, recorded.schema, recorded.data)
            windows = evolve(windows, recorded, event)
        self._windows = windows
        return windows
