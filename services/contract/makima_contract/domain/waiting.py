"""What a contract waits for, and the events that say so."""

from makima_schemas.contract.events import ContractEvent, InputAwaited, InputReceived
from makima_schemas.contract.model import ContractStatus, WaitingFor

from makima_contract.domain.state import Contract
from makima_contract.domain.statuses import RUNNING


def waits_for(contract: Contract) -> WaitingFor | None:
    """A guarded phase that was found ready and still is, else an open question.

    New work may take from a phase that it is ready; then nobody needs to confirm it, until it is found ready again.
    """
    if contract.confirmation_awaited and contract.phase_guard and contract.readiness().ready:
        return "phase_confirmation"
    return "question" if contract.has_open_question else None


def resume_target(contract: Contract) -> tuple[ContractStatus, WaitingFor | None]:
    """Where a row that leads to `active` leads, and for what the contract then waits."""
    waits = waits_for(contract)
    return (ContractStatus.WAITING_FOR_INPUT if waits else ContractStatus.ACTIVE), waits


def derived_events(contract: Contract) -> list[ContractEvent]:
    """The event, if any, that brings a running contract's status in line with what it waits for."""
    waits = waits_for(contract)
    if contract.status not in RUNNING or waits == contract.waiting_for:
        return []
    return [InputReceived()] if waits is None else [InputAwaited(waits)]
