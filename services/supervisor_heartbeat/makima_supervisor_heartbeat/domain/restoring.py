"""Rules of a restoration: who may ask for one, and from which save the supervisor goes on."""

from dataclasses import dataclass

from makima_schemas.errors import ErrorCode
from makima_schemas.evidence import Arrival
from makima_schemas.refusal import Refused
from makima_schemas.saved_state import SavedHistory
from makima_schemas.supervisor import (
    ENDED,
    RestorationOutcome,
    RestorationRequested,
    StateCorruptionDetected,
    SupervisorEvent,
)

from makima_supervisor_heartbeat.domain.in_force import not_found, superseded
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor


@dataclass(frozen=True, slots=True)
class Break:
    """Where the chain of saves does not verify."""

    version: int  # of the stream
    number: int  # of the save; 0: the event cannot be read as one
    checkpoint_version: int | None  # of the newest checkpoint before; None: there is none


@dataclass(frozen=True, slots=True)
class Basis:
    """What a restoration starts from."""

    outcome: RestorationOutcome
    base_hash: str  # of the save after which the chain goes on; "": none
    broken: Break | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose the contract is, when a daemon asks for a restoration."""

    holder: str | None  # the daemon that has the contract; None: none has
    holder_disconnected: bool  # by a verdict
    others_alive: bool  # another supervisor of the contract is alive


@dataclass(frozen=True, slots=True)
class Restore:
    """`RestoreSupervisor`, with what other streams and the saves say, and where the heartbeat stream ended."""

    contract_id: str
    daemon_id: str
    connection_id: str
    claim: Claim
    basis: Basis
    after: Arrival
    placed: bool = False  # a placement asks, for a supervisor that was silent when it chose the daemon


def basis_of(history: SavedHistory) -> Basis:
    """What can be trusted of the saves: all of them, those up to the newest checkpoint before the break, or none."""
    if history.saves == 0:
        return Basis("fresh", "")
    version = history.break_version
    if version is None:
        return Basis("resumed", history.state.hash)
    number = history.broken_at.number if history.broken_at is not None else 0
    history.back_to_checkpoint()
    checkpoint = history.state.checkpoint
    broken = Break(version, number, None if checkpoint is None else checkpoint.version)
    if checkpoint is None:
        return Basis("fresh", "", broken)
    return Basis("from_checkpoint", checkpoint.hash, broken)


def restore(command: Restore, supervisor: Supervisor) -> list[SupervisorEvent]:
    """Nothing for a repeat, and for a placement whose supervisor is heard by now and whose daemon has the contract.

    Raises `Refused`: SUPERVISOR_NOT_FOUND for a supervisor of another contract, SUPERSEDED for
    a connection that is fenced, and what `_check_claim` raises.
    """
    if supervisor.contract_id not in ("", command.contract_id):
        raise not_found()
    if command.connection_id in supervisor.superseded:
        raise superseded(command.connection_id)
    restoring = supervisor.restoring
    requested_for = None if restoring is None else (restoring.daemon_id, restoring.connection_id)
    if requested_for == (command.daemon_id, command.connection_id):
        return []
    its_own = supervisor.alive and command.connection_id == supervisor.connection_id
    if command.placed and its_own and command.claim.holder == command.daemon_id:
        return []
    _check_claim(command, ended=supervisor.state in ENDED)
    contract_id, basis = command.contract_id, command.basis
    requested = RestorationRequested(
        contract_id,
        command.daemon_id,
        command.connection_id,
        basis.outcome,
        basis.base_hash,
        command.after,
        supervisor.connection_id,
    )
    if basis.broken is None:
        return [requested]
    broken = basis.broken
    return [
        StateCorruptionDetected(contract_id, broken.version, broken.number, broken.checkpoint_version),
        requested,
    ]


def _check_claim(restore: Restore, *, ended: bool) -> None:
    """`ended`: the supervisor is silent by a verdict, or said that it was done or failed. Raises `Refused(SUPERSEDED)`."""
    claim = restore.claim
    if claim.holder in (None, restore.daemon_id) or claim.holder_disconnected:
        return
    if ended and not claim.others_alive:
        return
    raise Refused(
        ErrorCode.SUPERSEDED,
        f"daemon {claim.holder} has the contract, is connected, and its supervisor is not dead",
        hint="nothing was changed; try again once the supervisor is declared dead, or its daemon disconnected",
    )
