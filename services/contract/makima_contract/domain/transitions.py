"""The commands that change a contract's status or daemon, sent by a person, an agent or a service."""

from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.contract.events import ContractEvent
from makima_schemas.contract.model import ContractStatus

from makima_contract.domain.questions import asked_again
from makima_contract.domain.state import Contract
from makima_contract.domain.statuses import RUNNING
from makima_contract.domain.waiting import resume_target


def pause(contract: Contract, command: c.PauseContract) -> list[ContractEvent]:
    """Records the current status as `paused_from`, for the resume."""
    assert contract.status is not None
    return [e.ContractPaused(command.reason, contract.status)]


def resume(contract: Contract) -> list[ContractEvent]:
    """Returns to the status in which the contract was paused.

    If it was running, the destination is computed anew, as questions may have been asked or answered during
    the pause.
    """
    assert contract.paused_from is not None
    if contract.paused_from in RUNNING:
        return [e.ContractResumed(*resume_target(contract))]
    return [e.ContractResumed(contract.paused_from)]


def await_confirmation(contract: Contract, command: c.AwaitConfirmation) -> list[ContractEvent]:
    """Makes the contract wait for a person's confirmation of the next phase.

    The completion-detector sends this and may be behind, so every condition is checked again: the command
    names the current phase, it is guarded and not the last one, its gate is satisfied, and no confirmation
    is awaited yet. Otherwise there is no event.
    """
    if command.phase != contract.phase_name or contract.in_last_phase or not contract.phase_guard:
        return []
    if contract.waiting_for == "phase_confirmation" or not contract.readiness().by_gate:
        return []
    return [e.InputAwaited("phase_confirmation")]


def assign(contract: Contract, command: c.AssignContract) -> list[ContractEvent]:
    """Gives the contract to a daemon, with the connection that was handed out to its supervisor.

    No event if the daemon has it already and nothing new is handed out. Who places a contract or hears its first
    supervisor may be behind: then nothing is taken from whoever has it, nor from a supervisor that was heard.
    """
    handed_out = command.connection_id in (None, contract.connection_id)
    was_heard = command.because == "placed" and contract.connection_id is None
    if command.daemon_id == contract.daemon_id and (handed_out or was_heard):
        return []
    may_have = (None, command.replaces, command.daemon_id)
    if command.because in ("first_heard", "placed") and contract.daemon_id not in may_have:
        return []
    assigned = e.ContractAssigned(command.daemon_id, command.because, command.connection_id, command.task_id)
    return [assigned, *(asked_again(contract) if command.because == "restored" else ())]


def start_completion(contract: Contract, command: c.StartCompletion) -> list[ContractEvent]:
    """Starts the completion.

    The completion-detector sends this and may be behind, so every condition is checked again: the command
    names the current phase, it is the last one, its gate is satisfied, and auto-complete is on. Otherwise
    there is no event.
    """
    if command.phase != contract.phase_name or not contract.in_last_phase:
        return []
    if not contract.auto_complete_enabled or not contract.readiness().by_gate:
        return []
    return [e.CompletionStarted()]


def aborted(contract: Contract, reason: str) -> e.CompletionAborted:
    """The event that ends a completion and returns the contract to ACTIVE or WAITING_FOR_INPUT."""
    return e.CompletionAborted(reason, *resume_target(contract))


def new_work_aborts(before: Contract, after: Contract, reason: str) -> list[ContractEvent]:
    """The abort of the completion if new work arrived in status COMPLETING; else nothing.

    `before` and `after`: the state without and with the events of the new work.
    """
    return [aborted(after, reason)] if before.status is ContractStatus.COMPLETING else []
