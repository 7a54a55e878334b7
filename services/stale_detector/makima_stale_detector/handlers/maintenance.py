"""Serves the commands of maintenance, and ends windows whose time is over."""

from typing import Final

import structlog
from makima_kernel.commands.handler import CommandHandler
from makima_kernel.commands.router import CommandRouter
from makima_kernel.event_log.appender import Appender
from makima_kernel.event_log.log import Log
from makima_schemas.commands import Problem, Request
from makima_schemas.maintenance import Window
from makima_schemas.silence import (
    MAINTENANCE,
    EndMaintenance,
    MaintenanceEnded,
    MaintenanceStarted,
    OpenMaintenance,
    StartMaintenance,
    deterministic_id,
)

from makima_stale_detector.domain.maintenance import MaintenanceDecider, MaintenanceEvent

ACTOR: Final = "stale_detector"


def _log_fields(event: MaintenanceEvent) -> dict[str, object]:
    match event:
        case MaintenanceStarted():
            return {"scope": event.scope, "until": event.until, "reason": event.reason}
        case MaintenanceEnded():
            return {"scope": event.scope, "reason": event.reason}


class Maintenances:
    """Commands `start_maintenance`, `open_maintenance` and `end_maintenance`, of target `maintenance`. Daemons may
    send none.
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
        router.command(EndMaintenance, self._commands.handle)

    async def end(self, window: Window) -> None:
        """End a window whose time is over. Every replica uses the same command id."""
        command = EndMaintenance(window.scope, window.until)
        same = deterministic_id("maintenance", window.scope, window.started_at, window.until)
        reply = await self._commands.handle(Request(same, MAINTENANCE, command, actor=ACTOR), command)
        if isinstance(reply, Problem):
            structlog.get_logger().warning(
                "maintenance.end_failed", scope=window.scope, code=reply.code, detail=reply.detail
            )
