"""The operations of a batch, as a table: which contracts each takes, and what it asks of whom for one of them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from makima_kernel.commands.client import Bus
from makima_kernel.commands.router import snake_case
from makima_kernel.service.settings import FeatureFlags
from makima_schemas.commands import Accepted, Problem, Reply
from makima_schemas.contract.commands import ArchiveContract, ContractCommand, DeleteContract, PauseContract, ResumeContract
from makima_schemas.contract.model import ACTIVE_STATUSES, FINISHED_STATUSES, RUNNING_STATUSES, TERMINAL_STATUSES
from makima_schemas.contract.model import ContractStatus as S
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import RestartSupervisor

from makima_gateway.auth.principal import Principal, request_for
from makima_gateway.batch.ledger import BatchLedger, Candidate
from makima_gateway.batch.schemas import BatchOperation
from makima_gateway.http.feature_flags import check_enhanced

DEFAULT_MIN_AGE_HOURS: Final = 168.0  # hours


@dataclass(frozen=True, slots=True)
class ItemDispatcher:
    """Who asks for the whole batch, under which intent: each contract's command id is named after both, so that a repeat repeats it."""

    bus: Bus
    ledger: BatchLedger
    principal: Principal
    command_id: UUID

    async def of_contract(self, one: Candidate, command: ContractCommand) -> Reply:
        name = snake_case(type(command).__name__)
        return await self.bus.ask("contract", name, request_for(self.principal, self._own_id(one), one.contract_id, command))

    async def of_supervisor(self, one: Candidate) -> Reply:
        """A contract that is stale may never have had one."""
        if one.target is None:
            return NO_SUPERVISOR
        request = request_for(self.principal, self._own_id(one), one.target, RestartSupervisor("batch restart_stale"))
        return await self.bus.ask("supervisor_heartbeat", "restart_supervisor", request)

    async def of_daemons(self, one: Candidate) -> Reply:
        question: dict[str, object] = {"contract_id": one.contract_id, "tenant": self.principal.tenant}
        reply = await self.bus.query("completion_detector", "cleanup_worktrees", question)
        return reply if isinstance(reply, Problem) else Accepted(0, 0, changed=bool(reply.get("daemons")))

    def _own_id(self, one: Candidate) -> UUID:
        return uuid5(self.command_id, one.contract_id)


@dataclass(frozen=True, slots=True)
class Operation:
    """`statuses` are taken unless the filter names others of `allowed`; `older_than_hours` unless the request says otherwise (null:
    however young). `stale` and `supervised` take only those that are stale, or had a supervisor;
    `enhanced` leads into a status that old clients do not know, or out of it.
    """

    ask: Callable[[ItemDispatcher, Candidate], Awaitable[Reply]]
    statuses: tuple[S, ...]
    allowed: tuple[S, ...]
    older_than_hours: float | None = None
    stale: bool = False
    supervised: bool = False
    enhanced: bool = False


def _contract(command: ContractCommand) -> Callable[[ItemDispatcher, Candidate], Awaitable[Reply]]:
    return lambda dispatcher, one: dispatcher.of_contract(one, command)


NO_SUPERVISOR: Final = Problem(ErrorCode.SUPERVISOR_NOT_FOUND, "no supervisor of this contract was ever heard")
OPERATIONS: Final[Mapping[BatchOperation, Operation]] = {
    "archive_old": Operation(_contract(ArchiveContract()), FINISHED_STATUSES, (S.CREATED, *FINISHED_STATUSES), DEFAULT_MIN_AGE_HOURS),
    "pause_all": Operation(
        _contract(PauseContract("batch pause_all")), RUNNING_STATUSES, (S.CREATED, *RUNNING_STATUSES, S.BLOCKED), enhanced=True
    ),
    "resume_all": Operation(_contract(ResumeContract()), (S.PAUSED,), (S.PAUSED,), enhanced=True),
    "cleanup_archived": Operation(_contract(DeleteContract()), (S.ARCHIVED,), (S.ARCHIVED,), DEFAULT_MIN_AGE_HOURS),
    "restart_stale": Operation(ItemDispatcher.of_supervisor, ACTIVE_STATUSES, ACTIVE_STATUSES, stale=True),
    "cleanup_worktrees": Operation(ItemDispatcher.of_daemons, TERMINAL_STATUSES, TERMINAL_STATUSES, DEFAULT_MIN_AGE_HOURS, supervised=True),
}


def check_known(flags: FeatureFlags, operation: BatchOperation) -> None:
    """Raises `FEATURE_OFF`."""
    if OPERATIONS[operation].enhanced:
        check_enhanced(flags, operation)
