"""Handles `restart_supervisor`: signals the supervisor's daemon, then records the request."""

from dataclasses import replace
from typing import Final

from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Projector
from makima_kernel.telemetry import metrics
from makima_schemas.commands import Problem, Reply, Request
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import stream_name
from makima_schemas.supervisor import (
    CheckpointSaved,
    RestartSupervisor,
    RestorationProved,
    RestorationRequested,
    SupervisorEvent,
    SupervisorRestartRequested,
    SupervisorSaved,
)
from nats.aio.client import Client

from makima_supervisor_heartbeat.domain.restartable import restart_refusal
from makima_supervisor_heartbeat.domain.supervisor import OrderRestart
from makima_supervisor_heartbeat.handlers.observation_writer import SupervisorDecisions
from makima_supervisor_heartbeat.handlers.restart_signal import answer_without_signal, signal_restart
from makima_supervisor_heartbeat.queries import Queries

RESTART_CATCH_UP_SECONDS: Final = 1.0


def count(event: SupervisorEvent) -> None:
    """Count a restart, a save, or a restoration in the metrics. Called for events that this process appended; a repeated
    command appends none.
    """
    match event:
        case SupervisorRestartRequested():
            metrics.supervisor_restarts.inc()
        case SupervisorSaved(kind=kind):
            metrics.supervisor_saves.labels(kind).inc()
        case CheckpointSaved():
            metrics.supervisor_saves.labels("checkpoint").inc()
        case RestorationRequested(outcome=outcome):
            metrics.supervisor_restorations.labels(outcome).inc()
        case RestorationProved():
            metrics.supervisor_restorations_proved.inc()
        case _:
            pass


class Restarts:
    def __init__(
        self, supervisors: SupervisorDecisions, queries: Queries, log: Log, projector: Projector, nats: Client
    ) -> None:
        self._supervisors, self._queries, self._nats = supervisors, queries, nats
        self._log, self._projector = log, projector

    async def restart(self, request: Request[object], command: RestartSupervisor) -> Reply:
        """Signal the daemon and record the restart; what it refuses, or does not hear, is no event.

        `INVALID_TRANSITION` in a paused contract, `UNAVAILABLE` if the daemon is disconnected or does not receive the
        signal. A repeat with the same command id signals again until the supervisor was heard, because the first signal
        may have been lost.
        """
        stream = stream_name("supervisor", request.target)
        try:
            await self._projector.wait_for(await self._log.head(), RESTART_CATCH_UP_SECONDS)
            found = await self._queries.location(request.tenant, request.target)
            connected = found is not None and found.connected
            order = OrderRestart(command.reason, daemon_connected=connected, last_heard=None)
            answer = await answer_without_signal(self._supervisors, self._log, stream, request, order)
        except DATABASE_UNAVAILABLE as error:
            return _unread(error)
        if answer is not None:
            return answer
        paused = None if found is None else restart_refusal(found.contract, found.state)
        if found is not None and found.connected and paused is None:
            body = {
                "contract_id": found.contract_id,
                "task_id": request.target,
                "connection_id": found.connection_id,
                "reason": command.reason,
            }
            refused = await signal_restart(self._nats, found.daemon_id, body)
            if refused is not None:
                return refused
        try:
            newest = await self._queries.newest([stream])
        except DATABASE_UNAVAILABLE as error:
            return _unread(error)
        order = replace(order, last_heard=newest.get(stream))
        return await self._supervisors.handle(request, order, paused)


def _unread(error: BaseException) -> Problem:
    return Problem(
        ErrorCode.UNAVAILABLE,
        f"the supervisor cannot be read from the database: {type(error).__name__}",
        "ask again",
    )
