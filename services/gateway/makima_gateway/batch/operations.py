"""The table of batch operations: which contracts each selects, and which command it sends for one of them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from makima_kernel.commands.client import Bus
from makima_kernel.commands.router import snake_case
from makima_kernel.service.contracts_settings import FeatureFlags
from makima_schemas.commands import Accepted, Problem, Reply
from makima_schemas.contract.commands import (
    ArchiveContract,
    ContractCommand,
    DeleteContract,
    PauseContract,
    ResumeContract,
)
from makima_schemas.contract.model import (
    ACTIVE_STATUSES,
    FINISHED_STATUSES,
    RUNNING_STATUSES,
    TERMINAL_STATUSES,
)
from makima_schemas.contract.model import ContractStatus as S
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import RestartSupervisor

from makima_gateway.auth.principal import Principal, request_for
from makima_gateway.batch.ledger import BatchLedger, Candidate
from makima_gateway.batch.schemas import BatchOperation
from makima_gateway.http.feature_flags import check_enhanced

DEFAULT_MIN_AGE_HOURS: Final = 168.0  # in hours


@dataclass(frozen=True, slots=True)
class ItemDispatcher:
    """Sends the command of each contract of a batch.

    A contract's command id is uuid5 of the batch's command id and the contract's id. So a repeat of the batch
    sends the same command ids, and the owning service returns its first answers.
    """

    bus: Bus
    ledger: BatchLedger
    principal: Principal  # the caller of the batch; its actor is recorded with each event
    command_id: UUID  # of the batch

    async def of_contract(self, one: Candidate, command: ContractCommand) -> Reply:
        """Send a command to the contract service."""
        name = snake_case(type(command).__name__)
        return await self.bus.ask(
            "contract", name, request_for(self.principal, self._own_id(one), one.contract_id, command)
        )

    async def of_supervisor(self, one: Candidate) -> Reply:
        """Send RestartSupervisor to the recorder; NO_SUPERVISOR if the contract never had a supervisor."""
        if one.target is None:
            return NO_SUPERVISOR
        request = request_for(
            self.principal, self._own_id(one), one.target, RestartSupervisor("batch restart_stale")
        )
        return await self.bus.ask("supervisor_heartbeat", "restart_supervisor", request)

    async def of_daemons(self, one: Candidate) -> Reply:
        """Let the daemons remove their worktrees of the contract; `changed` if any of them had one."""
        question: dict[str, object] = {"contract_id": one.contract_id, "tenant": self.principal.tenant}
        reply = await self.bus.query("completion_detector", "cleanup_worktrees", question)
        return reply if isinstance(reply, Problem) else Accepted(0, 0, changed=bool(reply.get("daemons")))

    def _own_id(self, one: Candidate) -> UUID:
        return uuid5(self.command_id, one.contract_id)


@dataclass(frozen=True, slots=True)
class Operation:
    """A batch operation."""

    ask: Callable[[ItemDispatcher, Candidate], Awaitable[Reply]]  # sends the command for one contract
    statuses: tuple[S, ...]  # selected statuses, unless the request's `status_filter` names others
    allowed: tuple[S, ...]  # statuses that `status_filter` may name
    # Select contracts that have had their status for this long, unless the request overrides it; null: any.
    older_than_hours: float | None = None
    stale: bool = False  # True: select only stale contracts
    enhanced: bool = False  # True: needs the feature flag `enhanced_contract_status`


def _contract(command: ContractCommand) -> Callable[[ItemDispatcher, Candidate], Awaitable[Reply]]:
    """An `Operation.ask` that sends this command to the contract service."""
    return lambda dispatcher, one: dispatcher.of_contract(one, command)


NO_SUPERVISOR: Final = Problem(
    ErrorCode.SUPERVISOR_NOT_FOUND, "the contract has no supervisor that ever sent a heartbeat"
)
OPERATIONS: Final[Mapping[BatchOperation, Operation]] = {
    "archive_old": Operation(
        _contract(ArchiveContract()),
        FINISHED_STATUSES,
        (S.CREATED, *FINISHED_STATUSES),
        DEFAULT_MIN_AGE_HOURS,
    ),
    "pause_all": Operation(
        _contract(PauseContract("batch pause_all")),
        RUNNING_STATUSES,
        (S.CREATED, *RUNNING_STATUSES, S.BLOCKED),
        enhanced=True,
    ),
    "resume_all": Operation(_contract(ResumeContract()), (S.PAUSED,), (S.PAUSED,), enhanced=True),
    "cleanup_archived": Operation(
        _contract(DeleteContract()), (S.ARCHIVED,), (S.ARCHIVED,), DEFAULT_MIN_AGE_HOURS
    ),
    "restart_stale": Operation(ItemDispatcher.of_supervisor, ACTIVE_STATUSES, ACTIVE_STATUSES, stale=True),
    "cleanup_worktrees": Operation(
        ItemDispatcher.of_daemons,
        TERMINAL_STATUSES,
        TERMINAL_STATUSES,
        DEFAULT_MIN_AGE_HOURS,
    ),
}


def check_known(flags: FeatureFlags, operation: BatchOperation) -> None:
    """Raises `FEATURE_OFF` for an operation that needs the feature flag while it is off."""
    if OPERATIONS[operation].enhanced:
        check_enhanced(flags, operation)
