"""Begins and ends maintenance at its time, as the detector finds it."""

import asyncio
from collections.abc import Awaitable, Callable

from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_schemas.maintenance import Window
from makima_schemas.planned_maintenance import Plan

from makima_stale_detector.domain.verdicts.findings import Findings
from makima_stale_detector.handlers.log_follower import LogFollower
from makima_stale_detector.handlers.maintenance import Maintenances

LOG_RETRY_SECONDS = 1.0


class MaintenanceTurns:
    def __init__(self, maintenances: Maintenances, follower: LogFollower) -> None:
        self._maintenances, self._follower = maintenances, follower
        self._turning = set[Window | Plan]()  # those whose turn is being asked for

    def take(self, findings: Findings, tasks: asyncio.TaskGroup) -> None:
        for window in findings.maintenance_over:
            tasks.create_task(self._turn(window, lambda of=window: self._maintenances.end(of)))
        for plan in findings.maintenance_begins:
            tasks.create_task(self._turn(plan, lambda of=plan: self._maintenances.begin(of)))
        for plan in findings.maintenance_missed:
            tasks.create_task(self._turn(plan, lambda of=plan: self._maintenances.end_unbegun(of)))

    async def _turn(self, of: Window | Plan, ask: Callable[[], Awaitable[None]]) -> None:
        """Once at a time; what was recorded is read at once: else the next tick would find it again."""
        if of in self._turning:
            return
        self._turning.add(of)
        try:
            await ask()
            await self._follower.refresh_maintenance()
        except DATABASE_UNAVAILABLE:
            await asyncio.sleep(LOG_RETRY_SECONDS)
        finally:
            self._turning.discard(of)
