"""Computes what a contract waits for, and the events that record a change of it."""

from makima_schemas.contract.events import ContractEvent, InputAwaited, InputReceived
from makima_schemas.contract.model import ContractStatus, WaitingFor

from makima_contract.domain.state import Contract
from makima_contract.domain.statuses import RUNNING


def waits_for(contract: Contract) -> WaitingFor | None:
    """`phase_confirmation`, `question` or None: what the contract waits for.

    `phase_confirmation` if a guarded phase was found ready and still is, else `question` if one is open. New
    work may close the gate again; then the contract does not wait for a confirmation until the phase is found
    ready again.
    """
    if contract.confirmation_awaited and contract.phase_guard and contract.readiness().ready:
        return "phase_confirmation"
    return "question" if contract.has_open_question else None


def resume_target(contract: Contract) -> tuple[ContractStatus, WaitingFor | None]:
    """The status a contract resumes into, and what it then waits for.

    ACTIVE and None, or WAITING_FOR_INPUT if it still waits for something.
    """
    waits = waits_for(contract)
    return (ContractStatus.WAITING_FOR_INPUT if waits else ContractStatus.ACTIVE), waits


def derived_events(contract: Contract) -> list[ContractEvent]:
    """The event, if any, that brings a running contract's status in line with what it waits for.

    The decider appends it to the events of each command.
    """
    waits = waits_for(contract)
    if contract.status not in RUNNING or waits == contract.waiting_for:
        return []
    return [InputReceived()] if waits is None else [InputAwaited(waits)]
