"""How much of the time a loop could watch: only that time expires anything."""

from collections.abc import Callable
from time import monotonic
from typing import Final

from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Projector

from makima_stale_detector.handlers.read_model_lag import lags
from makima_stale_detector.queries import Queries

ROLE_SCAN_SECONDS: Final = 0.5  # between two scans


class WatchedTime:
    """A loop watches while the read model follows the log and `local_health` returns None."""

    def __init__(
        self, queries: Queries, projector: Projector, log: Log, local_health: Callable[[], str | None]
    ) -> None:
        self._queries, self._projector, self._log, self._local_health = queries, projector, log, local_health
        self._at: float | None = None  # the last scan, on the monotonic clock; None: that one was blind

    async def can_watch(self) -> bool:
        sees = (
            self._projector.active
            and self._local_health() is None
            and not await lags(self._projector, self._log, self._queries)
        )
        if not sees:
            self.interrupt()
        return sees

    def interrupt(self) -> None:
        """The time until the next scan does not count."""
        self._at = None

    def seconds(self) -> float:
        """Since the last scan. Of a longer gap, in which this process was frozen, only a scan's length."""
        now, before = monotonic(), self._at
        self._at = now
        return 0.0 if before is None else min(now - before, 2 * ROLE_SCAN_SECONDS)
