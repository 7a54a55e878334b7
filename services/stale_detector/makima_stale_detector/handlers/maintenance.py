"""Serves the commands of maintenance, begins windows whose time has come, and ends those whose time is over."""

from typing import Final
from uuid import UUID

import structlog
from makima_kernel.commands.handler import CommandHandler
from makima_kernel.commands.router import CommandRouter
from makima_kernel.event_log.appender import Appender
from makima_kernel.event_log.log import Log
from makima_schemas.commands import Problem, Request
from makima_schemas.maintenance import Window
from makima_schemas.planned_maintenance import Plan
from makima_schemas.silence import (
    MAINTENANCE,
    BeginMaintenance,
    EndMaintenance,
    MaintenanceEnded,
    MaintenancePlanned,
    MaintenanceStarted,
    OpenMaintenance,
    PlanMaintenance,
    StartMaintenance,
    deterministic_id,
)

from makima_stale_detector.domain.maintenance import MaintenanceDecider, MaintenanceEvent

ACTOR: Final = "stale_detector"


def _log_fields(event: MaintenanceEvent) -> dict[str, object]:
    match event:
        case MaintenancePlanned():
            fields = {"scope": event.scope, "starts_at": event.starts_at, "until": event.until}
            return {**fields, "reason": event.reason}
        case MaintenanceStarted():
            return {"scope": event.scope, "until": event.until, "reason": event.reason}
        case MaintenanceEnded():
            return {"scope": event.scope, "reason": event.reason}


class Maintenances:
    """Commands `start_`, `open_`, `plan_`, `begin_` and `end_maintenance`, of target `maintenance`. Daemons may send
    none.
    """

    def __init__(self, log: Log, appender: Appender) -> None:
        self._commands = CommandHandler(
            "silence",
            MaintenanceDecider(),
            log,
            appender,
            valid_target=lambda target: target == MAINTENANCE,
            log_fields=_log_fields,
        )

    def serve(self, router: CommandRouter) -> None:
        router.command(StartMaintenance, self._commands.handle)
        router.command(OpenMaintenance, self._commands.handle)
        router.command(PlanMaintenance, self._commands.handle)
        router.command(BeginMaintenance, self._commands.handle)
        router.command(EndMaintenance, self._commands.handle)

    async def begin(self, plan: Plan) -> None:
        """Begin what was planned, in the name of who planned it. Every replica uses the same command id."""
        same = deterministic_id("maintenance begins", plan.scope, plan.planned_at, plan.starts_at, plan.until)
        command = BeginMaintenance(plan.scope, plan.starts_at, plan.until)
        await self._ask(same, command, plan.planned_by or ACTOR)

    async def end(self, window: Window) -> None:
        """End a window whose time is over. Every replica uses the same command id."""
        same = deterministic_id("maintenance", window.scope, window.started_at, window.until)
        await self._ask(same, EndMaintenance(window.scope, window.until))

    async def end_unbegun(self, plan: Plan) -> None:
        """End what was planned, and is over before anybody began it."""
        same = deterministic_id("maintenance missed", plan.scope, plan.planned_at, plan.until)
        await self._ask(same, EndMaintenance(plan.scope, plan.until))

    async def _ask(
        self, command_id: UUID, command: BeginMaintenance | EndMaintenance, actor: str = ACTOR
    ) -> None:
        reply = await self._commands.handle(Request(command_id, MAINTENANCE, command, actor=actor), command)
        if isinstance(reply, Problem):
            failed = "begin_failed" if isinstance(command, BeginMaintenance) else "end_failed"
            structlog.get_logger().warning(
                f"maintenance.{failed}", scope=command.scope, code=reply.code, detail=reply.detail
            )
