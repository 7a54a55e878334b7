"""Makes the status of agents follow their tasks: sends `FollowTasks` for what the log says of them."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID, uuid5

import structlog
from makima_kernel.projections.projection import Applied
from makima_kernel.service.reactor import Reactor
from makima_schemas.agent import FollowTasks
from makima_schemas.commands import Problem, Request
from makima_schemas.errors import RETRYABLE_CODES
from makima_schemas.identity import agent_id

from makima_supervisor_heartbeat.handlers.observation_writer import AgentDecisions
from makima_supervisor_heartbeat.projections import OfAgent, OfTask
from makima_supervisor_heartbeat.queries import FollowUp, Queries

NAMESPACE: Final = UUID("5a0f2a0c-6c57-5c86-9d62-0c40b7a3f1d4")  # of the uuid5 command ids
ACTOR: Final = "supervisor_heartbeat"
BATCH_SIZE: Final = 100
# Polling finds rows that another replica's projector wrote, and retries after an outage of the log.
POLL_SECONDS: Final = 1.0

_logger = structlog.get_logger(__name__)


class TaskFollower:
    """Works off the table `follow_ups`, in every replica.

    Command ids are computed from the row, so if two replicas send the same command at once, the second gets the
    first one's answer. The projection compares again after each event, so a row that was answered too early, or
    by a status that changed since, is made anew.
    """

    def __init__(self, queries: Queries, decisions: AgentDecisions) -> None:
        self._queries, self._decisions = queries, decisions
        self._reactor = Reactor(poll_seconds=POLL_SECONDS, unavailable_event="agents.database_away")

    def applied(self, _position: int, batch: Sequence[Applied]) -> None:
        """Called after each commit of the projection; wakes the loop if there may be a new row."""
        if any(isinstance(each.event, OfTask | OfAgent) for each in batch):
            self._reactor.wake()

    async def run(self) -> None:
        """Works off rows when woken and every `POLL_SECONDS`, until cancelled."""
        await self._reactor.run(self._send_pending)

    async def _send_pending(self) -> bool:
        """One round: a `FollowTasks` per row. True if there may be more rows."""
        due = await self._queries.follow_ups(BATCH_SIZE)
        answered = [each for each in due if await self._answered(each)]
        for each in answered:
            await self._queries.mark_followed(each)
        return len(answered) == BATCH_SIZE

    async def _answered(self, due: FollowUp) -> bool:
        """Sends the command; True if it was accepted or refused, False if it must be retried."""
        target = agent_id(due.contract_id, due.role)
        request: Request[object] = Request(
            command_id=uuid5(NAMESPACE, f"{due.tenant}/{target}/{due.owed_at}/{due.holds_tasks}"),
            target=target,
            data={},
            actor=ACTOR,
            tenant=due.tenant,
        )
        reply = await self._decisions.handle(request, FollowTasks(due.holds_tasks))
        if isinstance(reply, Problem) and reply.code in RETRYABLE_CODES:
            _logger.warning("agent.follow_deferred", agent_id=target, code=reply.code, detail=reply.detail)
            return False
        return True
