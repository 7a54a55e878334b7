"""When a supervisor is first heard: its contract is started, and told of the supervisor's task (domain.md, Status and Supervisor)."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final
from uuid import UUID, uuid5

import structlog
from makima_kernel.commands.router import snake_case
from makima_kernel.projections.projection import Applied
from makima_kernel.service.reactor import Reactor
from makima_kernel.telemetry import traces
from makima_schemas.commands import Problem, Request
from makima_schemas.contract.commands import CreateTask, StartContract
from makima_schemas.contract.events import ContractCreated
from makima_schemas.errors import RETRYABLE_CODES

from makima_contract.handlers.commands import ContractCommandHandler
from makima_contract.projections import heard_for, resumes_unstarted
from makima_contract.queries import PendingStart, Queries, UnregisteredTask

NAMESPACE: Final = UUID("b1d6b7d2-6a0e-5d0c-8a35-0f8f5f8a7c11")
ACTOR: Final = "supervisor"
TASK_NAME: Final = "supervise the contract"
START_BATCH_SIZE: Final = 100
START_POLL_SECONDS: Final = 1.0  # starts that another replica's projection has found, or that found the log away


class Starter:
    """`run` until cancelled, in every replica: the command ids are made of what was heard, so two that ask at once ask once."""

    def __init__(self, queries: Queries, decisions: ContractCommandHandler) -> None:
        self._queries = queries
        self._decisions = decisions
        self._reactor = Reactor(poll_seconds=START_POLL_SECONDS, unavailable_event="contract.database_away")

    def applied(self, _position: int, batch: Sequence[Applied]) -> None:
        """Called after each commit of the projection: wake up if something may be owed."""
        if any(heard_for(each) or resumes_unstarted(each) or isinstance(each.event, ContractCreated) for each in batch):
            self._reactor.wake()

    async def run(self) -> None:
        await self._reactor.run(self._answer_owed)

    async def _answer_owed(self) -> bool:
        """Whether there may be more."""
        starts, supervisors = (
            await self._queries.pending_starts(START_BATCH_SIZE),
            await self._queries.unregistered(START_BATCH_SIZE),
        )
        for owed in starts:
            await self._start(owed)
        for supervisor in supervisors:
            await self._register(supervisor)
        return START_BATCH_SIZE in (len(starts), len(supervisors))

    async def _start(self, owed: PendingStart) -> None:
        if await self._answered(owed, f"{owed.supervised_at}", StartContract()):
            await self._queries.mark_started(owed)

    async def _register(self, supervisor: UnregisteredTask) -> None:
        """What is refused (the task is there, the contract is closed, or there is none yet) is not asked again before something changes."""
        task = CreateTask(supervisor.task_id, TASK_NAME, role=ACTOR, is_supervisor=True)
        if await self._answered(supervisor, f"task/{supervisor.task_id}", task):
            await self._queries.mark_registered(supervisor)

    async def _answered(self, debt: PendingStart | UnregisteredTask, intent: str, command: StartContract | CreateTask) -> bool:
        """Whether the contract has said yes or no."""
        with traces.span(f"contract.{snake_case(type(command).__name__)}", parent=debt.traceparent, contract_id=debt.contract_id):
            request = Request(
                command_id=uuid5(NAMESPACE, f"{debt.tenant}/{debt.contract_id}/{intent}"),
                target=debt.contract_id,
                data=asdict(command),
                actor=ACTOR,
                tenant=debt.tenant,
            )
            reply = await self._decisions.handle(request, command)
        if isinstance(reply, Problem) and reply.code in RETRYABLE_CODES:
            structlog.get_logger().warning("contract.start_deferred", contract_id=debt.contract_id, code=reply.code, detail=reply.detail)
            return False
        return True
