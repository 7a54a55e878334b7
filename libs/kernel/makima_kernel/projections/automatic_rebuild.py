"""Rebuilds outdated tables by itself, in a task beside the projector, and says how far it is."""

import asyncio
from time import monotonic
from typing import Final

import asyncpg
import structlog

from makima_kernel.event_log.log import Log
from makima_kernel.projections.checkpoint import Checkpoint, Outdated
from makima_kernel.projections.projection import Projection
from makima_kernel.projections.rebuild import RebuildRunningError, rebuild_outdated

# Part of the reason in `/readyz` while a rebuild runs: whoever waits for the service may wait longer.
REBUILDING: Final = "is being rebuilt from the log"
_REBUILD_RETRY_SECONDS: Final = 1.0  # seconds between two attempts
_PROGRESS_LOG_SECONDS: Final = 10.0  # seconds between two lines that say how far it is

_logger = structlog.get_logger(__name__)


class AutomaticRebuild:
    """The rebuild of one projection by the replica that holds its lease.

    The live tables answer meanwhile, and the projector goes on applying events to them. The swap ends the
    lease of the old generation, so the projector starts again, with the new tables. If another replica
    rebuilds (one that lost the lease while it was frozen), this one waits, and does not repeat it.
    """

    def __init__(self, projection: Projection, pool: asyncpg.Pool, log: Log, live: Checkpoint) -> None:
        self._projection, self._pool, self._log, self._live = projection, pool, log, live
        self._task: asyncio.Task[None] | None = None
        self._failure: str | None = None  # why the last attempt failed
        self._progress = (0, 0)  # the position of the new tables, and the last one of the log
        self._logged_at = 0.0  # monotonic seconds

    def start(self) -> None:
        """Starts the task, unless it runs already. It ends when the tables are up to date."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"rebuild outdated {self._projection.name}")

    async def stop(self) -> None:
        """Cancels the task. The live tables stay as they are; the next start rebuilds from the beginning."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def problem(self) -> str | None:
        """How far the rebuild is, and why it does not go on if it does not; None if none is needed."""
        if self._task is None or self._task.done():
            return None
        position, head = self._progress
        share = f"{position} of {head} events ({100 * position // max(head, 1)} %)"
        failure = f"; the last attempt failed: {self._failure}" if self._failure else ""
        return f"{REBUILDING}: {share}; the tables of before answer meanwhile{failure}"

    async def _run(self) -> None:
        while True:
            try:
                outdated = await self._live.outdated()
                if outdated is None:
                    return
                await self._rebuild(outdated)
            except RebuildRunningError:
                self._failure = "another rebuild is running"
            except Exception as error:  # noqa: BLE001 - after any error the tables are still outdated: try again
                self._failed(error)
            await asyncio.sleep(_REBUILD_RETRY_SECONDS)

    async def _rebuild(self, outdated: Outdated) -> None:
        if self._failure is None:
            _logger.warning(
                "projection.outdated",
                projection=self._projection.name,
                of_another_log=outdated.of_another_log,
                fold_number=outdated.fold_number,
                new_fold_number=self._projection.fold_number,
            )
        self._progress, self._logged_at = (0, await self._log.head()), monotonic()
        await rebuild_outdated(self._projection, self._pool, self._log, self._live, self._advanced)
        self._failure = None

    def _advanced(self, position: int, head: int) -> None:
        self._progress = position, head
        if monotonic() - self._logged_at > _PROGRESS_LOG_SECONDS:
            self._logged_at = monotonic()
            _logger.info(
                "projection.rebuilding", projection=self._projection.name, position=position, head=head
            )

    def _failed(self, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        if self._failure != reason:
            _logger.error("projection.rebuild_failed", projection=self._projection.name, reason=reason)
        self._failure = reason
