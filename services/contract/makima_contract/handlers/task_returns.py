"""Returns tasks to `pending` when the agent of their role left, was replaced, or cannot be restarted.

Source of the rule: agents.md, Tasks and agents.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final
from uuid import UUID, uuid5

import structlog
from makima_kernel.projections.projection import Applied
from makima_kernel.service.reactor import Reactor
from makima_kernel.telemetry import traces
from makima_schemas.commands import Problem, Request
from makima_schemas.contract.commands import ReturnTasks
from makima_schemas.errors import RETRYABLE_CODES

from makima_contract.event_entities import contract_of_agent
from makima_contract.handlers.commands import ContractCommandHandler
from makima_contract.queries import PendingReturn, Queries

NAMESPACE: Final = UUID("5b7c1c8e-63c1-5a57-9d0e-2f1f6a1f3c90")  # of the uuid5 command ids
ACTOR: Final = "contract"
RETURN_BATCH_SIZE: Final = 100  # pending returns per round
RETURN_POLL_SECONDS: Final = 1.0  # finds rows that another replica's projector wrote


class TaskReturns:
    """Works off the pending returns. `run` loops until cancelled, in every replica; the command ids are computed
    from the rows, so that two replicas return a task once.
    """

    def __init__(self, queries: Queries, decisions: ContractCommandHandler) -> None:
        self._queries = queries
        self._decisions = decisions
        self._reactor = Reactor(poll_seconds=RETURN_POLL_SECONDS, unavailable_event="contract.database_away")

    def applied(self, batch: Sequence[Applied]) -> None:
        """Called after each commit of the projection; wakes the loop if there may be a new pending row."""
        if any(contract_of_agent(each) for each in batch):
            self._reactor.wake()

    async def run(self) -> None:
        await self._reactor.run(self._return_pending)

    async def _return_pending(self) -> bool:
        """One round. True if there may be more rows."""
        pending = await self._queries.pending_returns(RETURN_BATCH_SIZE)
        for each in pending:
            if await self._answered(each):
                await self._queries.mark_returned(each)
        return len(pending) == RETURN_BATCH_SIZE

    async def _answered(self, pending: PendingReturn) -> bool:
        """Sends the command; True if it was accepted or refused, False if it must be retried."""
        command = ReturnTasks(
            pending.role, pending.agent_version, pending.reason, pending.except_connection_id
        )
        log = structlog.get_logger().bind(
            contract_id=pending.contract_id, role=pending.role, reason=pending.reason
        )
        intent = f"{pending.tenant}/{pending.contract_id}/{pending.role}/{pending.agent_version}"
        with traces.span(
            "contract.return_tasks", parent=pending.traceparent, contract_id=pending.contract_id
        ):
            request = Request(
                uuid5(NAMESPACE, intent),
                pending.contract_id,
                asdict(command),
                actor=ACTOR,
                tenant=pending.tenant,
            )
            reply = await self._decisions.handle(request, command)
        if not isinstance(reply, Problem):
            if reply.changed:
                log.info("contract.tasks_returned", position=reply.position)
            return True
        if reply.code in RETRYABLE_CODES:
            log.warning("contract.return_deferred", code=reply.code, detail=reply.detail)
            return False
        return True
