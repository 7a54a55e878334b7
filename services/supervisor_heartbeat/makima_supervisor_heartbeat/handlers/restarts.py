"""Handles `restart_supervisor`: signals the supervisor's daemon, then records the request."""

from typing import Final

import orjson
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Projector
from makima_kernel.telemetry import metrics
from makima_schemas import subjects
from makima_schemas.commands import Problem, Reply, Request, decode_reply
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import RestartSupervisor, SupervisorEvent, SupervisorRestartRequested
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from makima_supervisor_heartbeat.domain.supervisor import OrderRestart
from makima_supervisor_heartbeat.handlers.observation_writer import SupervisorDecisions
from makima_supervisor_heartbeat.queries import Queries, SupervisorLocation

RESTART_CATCH_UP_SECONDS: Final = 1.0
# Only to receive an immediate refusal; the restart itself may take longer.
DAEMON_REPLY_TIMEOUT_SECONDS: Final = 0.5


def count(event: SupervisorEvent) -> None:
    """Count a restart in the metrics. Called for events that this process appended; a repeated command
    appends none.
    """
    if isinstance(event, SupervisorRestartRequested):
        metrics.supervisor_restarts.inc()


class Restarts:
    def __init__(
        self, supervisors: SupervisorDecisions, queries: Queries, log: Log, projector: Projector, nats: Client
    ) -> None:
        self._supervisors, self._queries, self._nats = supervisors, queries, nats
        self._log, self._projector = log, projector

    async def restart(self, request: Request[object], command: RestartSupervisor) -> Reply:
        """Signal the daemon and record the restart; what it refuses, or does not hear, is no event.

        `UNAVAILABLE` if the daemon is disconnected or does not receive the signal. A repeat with the same
        command id signals again, because the first signal may have been lost.
        """
        try:
            await self._projector.wait_for(await self._log.head(), RESTART_CATCH_UP_SECONDS)
            found = await self._queries.location(request.tenant, request.target)
        except DATABASE_UNAVAILABLE as error:
            return Problem(
                ErrorCode.UNAVAILABLE,
                f"the daemon of the supervisor cannot be read from the database: {type(error).__name__}",
                "ask again",
            )
        order = OrderRestart(command.reason, daemon_connected=found is not None and found.connected)
        if found is not None and found.connected:
            refused = await self._signal(request.target, found, command.reason)
            if refused is not None:
                return refused
        return await self._supervisors.handle(request, order)

    async def _signal(self, task_id: str, found: SupervisorLocation, reason: str | None) -> Problem | None:
        """Request `restart` from the daemon. Returns a problem if it was not reached or refused; None
        otherwise.

        No reply in time counts as success: the daemon is subscribed and may still be restarting the
        supervisor.
        """
        body = {
            "contract_id": found.contract_id,
            "task_id": task_id,
            "connection_id": found.connection_id,
            "reason": reason,
        }
        try:
            answer = await self._nats.request(
                subjects.daemon_signal(found.daemon_id, "restart"),
                orjson.dumps(body),
                timeout=DAEMON_REPLY_TIMEOUT_SECONDS,
            )
            reply = decode_reply(answer.data) if answer.data.startswith(b'{"error":') else None
        except NoRespondersError:
            return Problem(
                ErrorCode.UNAVAILABLE,
                f"daemon {found.daemon_id} does not receive signals now",
                "try again with the same command id",
            )
        except TimeoutError:
            return None
        except (NatsError, ValueError) as error:
            return Problem(
                ErrorCode.UNAVAILABLE,
                f"the signal to daemon {found.daemon_id} could not be sent: {type(error).__name__}",
                "ask again",
            )
        return reply if isinstance(reply, Problem) else None
