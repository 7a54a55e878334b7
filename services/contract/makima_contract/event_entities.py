"""What an event is about: its contract, and the daemons that it names."""

from collections.abc import Sequence

from makima_kernel.projections.projection import Applied
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatusChanged
from makima_schemas.contract.events import (
    ContractCreated,
    ContractDeleted,
    ContractReopened,
    ContractResumed,
)
from makima_schemas.contract.model import ContractStatus, SupervisorTaskStatus
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState, SupervisorStateChanged

Key = tuple[str, str]  # (tenant, contract id)
SupervisorKey = tuple[str, str, str]  # (tenant, contract id, task id)


def contract_of_live_supervisor(applied: Applied) -> Key | None:
    """The contract whose supervisor was heard by this event; None for other events, and if it went silent."""
    match applied.event:
        case SupervisorStateChanged(changed_by="heartbeat_expired"):
            return None
        case _:
            return contract_of_supervisor(applied)


def resumes_unstarted(applied: Applied) -> bool:
    """True if the event resumes a contract into CREATED, that is, one that was paused before its start."""
    return isinstance(applied.event, ContractResumed) and applied.event.to is ContractStatus.CREATED


def contract_of_supervisor(applied: Applied) -> Key | None:
    """The contract whose supervisor the event is about; None if it is no supervisor's event."""
    match applied.event:
        case SupervisorRegistered(contract_id) | SupervisorStateChanged(contract_id):
            return applied.recorded.tenant, contract_id
        case _:
            return None


def contract_of_agent(applied: Applied) -> Key | None:
    """The contract whose agent the event is about; None if it is no agent's event."""
    match applied.event:
        case AgentJoined(contract_id) | AgentLeft(contract_id) | AgentStatusChanged(contract_id):
            return applied.recorded.tenant, contract_id
        case _:
            return None


def supervisor_task_status(applied: Applied) -> SupervisorTaskStatus:
    """The status of the supervisor's own task after an event of its supervisor."""
    match applied.event:
        case (
            SupervisorRegistered(state=SupervisorState.COMPLETED)
            | SupervisorStateChanged(new_state=SupervisorState.COMPLETED)
        ):
            return "completed"
        case (
            SupervisorRegistered(state=SupervisorState.FAILED)
            | SupervisorStateChanged(new_state=SupervisorState.FAILED)
        ):
            return "failed"
        case SupervisorStateChanged(new_state=SupervisorState.INTERRUPTED):
            return "pending"
        case _:
            return "running"


def supervisors_of(batch: Sequence[Applied]) -> tuple[set[Key], set[SupervisorKey]]:
    """The contracts of which an event concerns every supervisor, and the single supervisors of the other ones: a
    heartbeat's event must not cost as much as its contract has supervisors.
    """
    of_all = {
        contract_key(applied)
        for applied in batch
        if isinstance(applied.event, ContractCreated | ContractReopened | ContractDeleted)
        or resumes_unstarted(applied)
    }
    single = {
        (*contract, applied.recorded.entity_id)
        for applied in batch
        if (contract := contract_of_supervisor(applied)) is not None and contract not in of_all
    }
    return of_all, single


def daemons_of(batch: Sequence[Applied]) -> set[Key]:
    """The daemons that the supervisors' events of a batch name."""
    return {
        (applied.recorded.tenant, applied.event.daemon_id)
        for applied in batch
        if isinstance(applied.event, SupervisorRegistered | SupervisorStateChanged)
    }


def contract_key(applied: Applied) -> Key:
    """The contract of a contract's event."""
    return applied.recorded.tenant, applied.recorded.entity_id
