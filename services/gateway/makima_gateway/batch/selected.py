"""A batch over contracts that a person selected: one command each, with the version that was looked at.

No ledger: each command's id follows from the batch's and the contract's, so a repeat with the same idempotency key
gets each owner's first answer.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

import structlog
from makima_kernel.commands.client import Bus
from makima_kernel.commands.router import snake_case
from makima_kernel.telemetry import metrics
from makima_kernel.waiting import gather_all
from makima_schemas.commands import Accepted, Problem
from makima_schemas.contract.commands import (
    ArchiveContract,
    ContractCommand,
    PauseContract,
    ResumeContract,
    UnblockContract,
)
from makima_schemas.contract.model import FINISHED_STATUSES, NOT_RESTARTED_STATUSES, RUNNING_STATUSES
from makima_schemas.contract.model import ContractStatus as S
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import RestartSupervisor

from makima_gateway.auth.principal import Principal, request_for
from makima_gateway.batch.schemas import (
    BatchError,
    SelectedAnswer,
    SelectedContract,
    SelectedOperation,
    Selection,
)
from makima_gateway.http.problems import unknown_contract
from makima_gateway.read_model.queries import Queries
from makima_gateway.read_model.rows import ContractRow

MAX_CONCURRENT_COMMANDS: Final = 16
UNCHANGED: Final = "UNCHANGED"
# A refusal that says that the operation is not for this contract as it is: nothing has failed.
SKIPPING: Final = frozenset(
    {
        ErrorCode.INVALID_TRANSITION,
        ErrorCode.VERSION_CONFLICT,
        ErrorCode.CONTRACT_NOT_FOUND,
        ErrorCode.SUPERVISOR_NOT_FOUND,
    }
)
_Command = Callable[[str | None], ContractCommand]


@dataclass(frozen=True, slots=True)
class Operation:
    """`statuses`: those in which it does something. `command` null: it is for the supervisor."""

    statuses: tuple[S, ...]
    command: _Command | None
    enhanced: bool = False  # needs the feature flag `enhanced_contract_status`


OPERATIONS: Final[Mapping[SelectedOperation, Operation]] = {
    "pause": Operation((S.CREATED, *RUNNING_STATUSES, S.BLOCKED), PauseContract, enhanced=True),
    "resume": Operation((S.PAUSED,), lambda _reason: ResumeContract(), enhanced=True),
    "archive": Operation((S.CREATED, *FINISHED_STATUSES), lambda _reason: ArchiveContract()),
    "unblock": Operation((S.BLOCKED,), lambda _reason: UnblockContract(), enhanced=True),
    "restart_supervisor": Operation(
        tuple(status for status in S if status not in {S.ARCHIVED, *NOT_RESTARTED_STATUSES}), None
    ),
}

Result = SelectedContract | Problem | None  # None: it was so already


def foreseen(operation: SelectedOperation, row: ContractRow | None, expected: int | None) -> Problem | None:
    """Why the operation would be refused; None: it would not."""
    if row is None:
        return Problem(ErrorCode.CONTRACT_NOT_FOUND, "there is no such contract")
    rule = OPERATIONS[operation]
    if expected is not None and row.version != expected:
        return Problem(
            ErrorCode.VERSION_CONFLICT, f"the contract is at version {row.version}, not {expected}"
        )
    if row.status not in rule.statuses:
        return Problem(ErrorCode.INVALID_TRANSITION, f"status {row.status} does not allow '{operation}'")
    if rule.command is None and row.supervisor_task_id is None:
        return Problem(
            ErrorCode.SUPERVISOR_NOT_FOUND, "the contract has no supervisor that ever sent a heartbeat"
        )
    return None


@dataclass(frozen=True, slots=True)
class SelectedBatch:
    bus: Bus
    queries: Queries
    principal: Principal
    command_id: UUID  # of the batch
    operation: SelectedOperation
    selected: Sequence[Selection]
    reason: str | None

    async def preview(self) -> SelectedAnswer:
        """What would be done, at which version, and what would be skipped. Changes nothing."""
        rows = await self._rows()
        return self._answer([self._looked_at(one, rows.get(one.id)) for one in self.selected])

    async def execute(self) -> tuple[SelectedAnswer, int]:
        """The outcome, and the highest log position of its commands (0: there was none)."""
        room, positions, rows = asyncio.Semaphore(MAX_CONCURRENT_COMMANDS), [0], await self._rows()

        async def one(selection: Selection) -> Result:
            async with room:
                return await self._done(selection, rows.get(selection.id), positions)

        answer = self._answer(await gather_all(map(one, self.selected)))
        metrics.batch_operations.labels(self.operation).inc()
        structlog.get_logger().info(
            "batch.done",
            operation=self.operation,
            affected=len(answer.affected),
            errors=len(answer.errors) + len(answer.skipped),
            actor=self.principal.actor,
            command_id=str(self.command_id),
        )
        return answer, max(positions)

    async def _rows(self) -> dict[str, ContractRow]:
        """Those of the contracts that the caller may see, by id."""
        found = await self.queries.contracts_of(self.principal.tenant, [each.id for each in self.selected])
        mine = self.principal.visibility.owner_id
        return {row.id: row for row in found if mine in (None, row.owner_id)}

    def _looked_at(self, selection: Selection, row: ContractRow | None) -> Result:
        refused = foreseen(self.operation, row, selection.expected_version)
        if refused is not None or row is None:
            return refused or Problem(ErrorCode.CONTRACT_NOT_FOUND, unknown_contract(selection.id).detail)
        return SelectedContract(row.id, row.version)

    async def _done(self, selection: Selection, row: ContractRow | None, positions: list[int]) -> Result:
        """The owner decides, not the read model: that only says whose it is, and which supervisor drives it."""
        if row is None:
            return Problem(ErrorCode.CONTRACT_NOT_FOUND, unknown_contract(selection.id).detail)
        make = OPERATIONS[self.operation].command
        if make is None and (refused := foreseen(self.operation, row, selection.expected_version)):
            return refused
        own_id = uuid5(self.command_id, selection.id)
        if make is None:
            command = RestartSupervisor(self.reason)
            request = request_for(self.principal, own_id, str(row.supervisor_task_id), command)
            reply = await self.bus.ask("supervisor_heartbeat", "restart_supervisor", request)
        else:
            made = make(self.reason)
            request = request_for(self.principal, own_id, row.id, made, selection.expected_version)
            reply = await self.bus.ask("contract", snake_case(type(made).__name__), request)
        if not isinstance(reply, Accepted):
            return reply
        positions.append(reply.position)
        version = row.version if make is None else reply.version
        return SelectedContract(row.id, version) if reply.changed else None

    def _answer(self, results: Sequence[Result]) -> SelectedAnswer:
        affected: list[SelectedContract] = []
        skipped: list[BatchError] = []
        errors: list[BatchError] = []
        for selection, result in zip(self.selected, results, strict=True):
            match result:
                case SelectedContract():
                    affected.append(result)
                case Problem(code=code, detail=detail):
                    (skipped if code in SKIPPING else errors).append(BatchError(selection.id, code, detail))
                case _:
                    skipped.append(BatchError(selection.id, UNCHANGED, "it is so already"))
        return SelectedAnswer(self.operation, affected, skipped, errors)
