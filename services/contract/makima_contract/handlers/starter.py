"""Starts a contract on its supervisor's first heartbeat, creates the supervisor's task in it, which follows the
supervisor from then on, and gives the contract to the daemon that the heartbeat came from.

Source of the rule: domain.md, Status and Supervisor; agents.md, Assignment, Tasks and agents.
"""

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
from makima_schemas.contract.commands import AssignContract, CreateTask, FollowSupervisor, StartContract
from makima_schemas.contract.events import ContractCreated, ContractReopened
from makima_schemas.errors import RETRYABLE_CODES

from makima_contract.event_entities import contract_of_supervisor, resumes_unstarted
from makima_contract.handlers.commands import ContractCommandHandler
from makima_contract.queries import PendingStart, Queries, UnregisteredTask

NAMESPACE: Final = UUID("b1d6b7d2-6a0e-5d0c-8a35-0f8f5f8a7c11")  # of the uuid5 command ids
ACTOR: Final = "supervisor"
TASK_NAME: Final = "supervise the contract"
START_BATCH_SIZE: Final = 100  # pending starts, and unregistered tasks, per round
# Polling finds pending rows that another replica's projector wrote, and retries after an outage of the log.
START_POLL_SECONDS: Final = 1.0


class Starter:
    """Works off the pending starts and unregistered tasks. `run` loops until cancelled, in every replica.

    Command ids are computed from the pending row, so if two replicas send the same command at once, the
    second gets the first one's answer.
    """

    def __init__(self, queries: Queries, decisions: ContractCommandHandler) -> None:
        self._queries = queries
        self._decisions = decisions
        self._reactor = Reactor(poll_seconds=START_POLL_SECONDS, unavailable_event="contract.database_away")

    def applied(self, _position: int, batch: Sequence[Applied]) -> None:
        """Called after each commit of the projection; wakes the loop if there may be a new pending row."""
        if any(
            contract_of_supervisor(each)
            or resumes_unstarted(each)
            or isinstance(each.event, ContractCreated | ContractReopened)
            for each in batch
        ):
            self._reactor.wake()

    async def run(self) -> None:
        """Works off pending rows when woken and every `START_POLL_SECONDS`, until cancelled."""
        await self._reactor.run(self._send_pending)

    async def _send_pending(self) -> bool:
        """One round: sends a StartContract or CreateTask per pending row. True if there may be more rows."""
        starts, supervisors = (
            await self._queries.pending_starts(START_BATCH_SIZE),
            await self._queries.unregistered(START_BATCH_SIZE),
        )
        for start in starts:
            await self._start(start)
        for supervisor in supervisors:
            await self._register(supervisor)
        return START_BATCH_SIZE in (len(starts), len(supervisors))

    async def _start(self, start: PendingStart) -> None:
        if await self._answered(start, f"{start.supervised_at}", StartContract()):
            await self._queries.mark_started(start)

    async def _register(self, supervisor: UnregisteredTask) -> None:
        """Creates the supervisor's task in its contract, gives the contract to its daemon, and lets the task follow
        its supervisor.

        A refusal also ends the pending state: the task exists, the contract is closed, or it does not exist
        yet. In the last case its creation makes the row pending again.
        """
        task = CreateTask(supervisor.task_id, TASK_NAME, role=ACTOR, is_supervisor=True)
        if not await self._answered(supervisor, f"task/{supervisor.task_id}", task):
            return
        if supervisor.daemon_id is not None:
            assigning = AssignContract(supervisor.daemon_id, "first_heard")
            if not await self._answered(supervisor, f"assign/{supervisor.owed_at}", assigning):
                return
        follow = FollowSupervisor(supervisor.task_id, supervisor.task_status)
        if await self._answered(supervisor, f"follow/{supervisor.task_id}/{supervisor.owed_at}", follow):
            await self._queries.mark_registered(supervisor)

    async def _answered(
        self,
        pending: PendingStart | UnregisteredTask,
        intent: str,
        command: StartContract | CreateTask | AssignContract | FollowSupervisor,
    ) -> bool:
        """Sends the command; True if it was accepted or refused, False if it must be retried.

        `intent` distinguishes the commands about one contract: the same intent gives the same command id.
        """
        with traces.span(
            f"contract.{snake_case(type(command).__name__)}",
            parent=pending.traceparent,
            contract_id=pending.contract_id,
        ):
            request = Request(
                command_id=uuid5(NAMESPACE, f"{pending.tenant}/{pending.contract_id}/{intent}"),
                target=pending.contract_id,
                data=asdict(command),
                actor=ACTOR,
                tenant=pending.tenant,
            )
            reply = await self._decisions.handle(request, command)
        if isinstance(reply, Problem) and reply.code in RETRYABLE_CODES:
            structlog.get_logger().warning(
                "contract.start_deferred",
                contract_id=pending.contract_id,
                code=reply.code,
                detail=reply.detail,
            )
            return False
        return True
