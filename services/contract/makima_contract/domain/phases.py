"""Phase changes, the phase guard, and the verdicts of gate validators (plan 1.2, 1.3, 2.1)."""

from makima_schemas.contract.commands import ChangePhase, RecordValidation, SetAutoComplete, SetPhaseGuard
from makima_schemas.contract.events import (
    AutoCompleteSet,
    ContractEvent,
    PhaseChanged,
    PhaseGuardSet,
    PhaseValidated,
)
from makima_schemas.contract.model import TaskStatus
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_contract.domain.state import Contract


def change_phase(contract: Contract, command: ChangePhase) -> list[ContractEvent]:
    """Changes the phase, after these checks in this order: the phase is declared, order and gate, guard.

    A change to the current phase records no event. `force` skips order and gate, never the guard. The guard
    applies to every sender, also to detectors. Existence, expected version and status were checked before
    (by the decider and the kernel's CommandHandler).

    Raises `Refused`: `VALIDATION_FAILED` with the missing requirements, `PHASE_GUARD_REQUIRED` with the ids
    of the phase's deliverables.
    """
    if contract.declared(command.phase) is None:
        names = ", ".join(phase.name for phase in contract.phases)
        raise _failed(f"phase {command.phase!r} is not declared", hint=f"phases are {names}")
    if command.phase == contract.phase_name:
        return []
    if not command.force:
        _check_order(contract, command.phase)
        _check_gate(contract)
    if contract.phase_guard and not command.confirmed:
        raise Refused(
            ErrorCode.PHASE_GUARD_REQUIRED,
            f"leaving phase {contract.phase_name!r} requires a confirmation",
            hint="check the deliverables, then send it again with confirmed: true",
            deliverables=[deliverable.id for deliverable in contract.phase.deliverables],
        )
    return [
        PhaseChanged(contract.phase_name, command.phase, command.force, command.confirmed, command.reason)
    ]


def _check_order(contract: Contract, phase: str) -> None:
    """Only the next phase may follow; going back or skipping phases needs `force`."""
    here, there = contract.index_of(contract.phase_name), contract.index_of(phase)
    if there < here:
        raise _failed(f"phase {phase!r} comes before {contract.phase_name!r}", hint="use force to go back")
    if there > here + 1:
        skipped = ", ".join(declared.name for declared in contract.phases[here + 1 : there])
        raise _failed(f"phase {phase!r} would skip {skipped}", hint="use force to skip phases")


def _check_gate(contract: Contract) -> None:
    readiness = contract.readiness()
    if not readiness.ready:
        reason = f"phase {contract.phase_name!r} is not ready: {'; '.join(readiness.missing)}"
        raise _failed(reason, readiness.missing, hint=_way_on(contract))


def _way_on(contract: Contract) -> str:
    """The hint for a closed gate: repeat the phase's last failed task (decision 0010), or use `force`."""
    failed = [
        task.name
        for task in contract.tasks.values()
        if task.status is TaskStatus.FAILED and task.phase == contract.phase_name
    ]
    again = (
        f"create a task named {failed[-1]!r} again, whose success replaces the failed one; or "
        if failed
        else ""
    )
    return f"{again}use force to skip the gate"


def _failed(reason: str, missing: tuple[str, ...] = (), *, hint: str) -> Refused:
    return Refused(ErrorCode.VALIDATION_FAILED, reason, hint=hint, missing=list(missing))


def record_validation(contract: Contract, command: RecordValidation) -> list[ContractEvent]:
    """Records the verdict of the current phase's gate validator.

    No event for a verdict about another phase, by another validator, or equal to the recorded one: the
    detector that sent it was late, or it sent it twice.
    """
    verdict = PhaseValidated(command.phase, command.validator, command.passed, command.reason)
    expected = (contract.phase_name, contract.phase.gate.validator)
    if (command.phase, command.validator) != expected or verdict == contract.verdict:
        return []
    return [verdict]


def set_phase_guard(contract: Contract, command: SetPhaseGuard) -> list[ContractEvent]:
    """Switches the phase guard; no event if it is set so already."""
    return [] if command.enabled == contract.phase_guard else [PhaseGuardSet(command.enabled)]


def set_auto_complete(contract: Contract, command: SetAutoComplete) -> list[ContractEvent]:
    """Switches the contract's auto-complete; no event if it is set so already."""
    return [] if command.enabled == contract.auto_complete_enabled else [AutoCompleteSet(command.enabled)]
