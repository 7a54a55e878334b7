"""What moves a contract from status to status by somebody's will, or by a detector's finding."""

from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.contract.events import ContractEvent
from makima_schemas.contract.model import ContractStatus

from makima_contract.domain.state import Contract
from makima_contract.domain.statuses import RUNNING
from makima_contract.domain.waiting import resume_target


def pause(contract: Contract, command: c.PauseContract) -> list[ContractEvent]:
    assert contract.status is not None
    return [e.ContractPaused(command.reason, contract.status)]


def resume(contract: Contract) -> list[ContractEvent]:
    """Back to where it was paused; what was asked or answered meanwhile counts."""
    assert contract.paused_from is not None
    if contract.paused_from in RUNNING:
        return [e.ContractResumed(*resume_target(contract))]
    return [e.ContractResumed(contract.paused_from)]


def await_confirmation(contract: Contract, command: c.AwaitConfirmation) -> list[ContractEvent]:
    """Only what still holds: this phase, guarded, with a phase after it, its gate satisfied, and nobody asked yet."""
    if command.phase != contract.phase_name or contract.in_last_phase or not contract.phase_guard:
        return []
    if contract.waiting_for == "phase_confirmation" or not contract.readiness().by_gate:
        return []
    return [e.InputAwaited("phase_confirmation")]


def start_completion(contract: Contract, command: c.StartCompletion) -> list[ContractEvent]:
    """Only what still holds: the last phase, its gate satisfied, and completion not switched off."""
    if command.phase != contract.phase_name or not contract.in_last_phase:
        return []
    if not contract.auto_complete_enabled or not contract.readiness().by_gate:
        return []
    return [e.CompletionStarted()]


def aborted(contract: Contract, reason: str) -> e.CompletionAborted:
    return e.CompletionAborted(reason, *resume_target(contract))


def new_work_aborts(before: Contract, after: Contract, reason: str) -> list[ContractEvent]:
    """Work that arrives while completing: the contract goes on."""
    return [aborted(after, reason)] if before.status is ContractStatus.COMPLETING else []
