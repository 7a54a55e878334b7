"""State of a supervisor, folded from its stream."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from makima_schemas.connections import fence
from makima_schemas.evidence import Arrival, Evidence
from makima_schemas.supervisor import (
    ENDED,
    CheckpointSaved,
    RestorationProved,
    RestorationRequested,
    StateCorruptionDetected,
    SupervisorEvent,
    SupervisorProgressed,
    SupervisorRegistered,
    SupervisorRestartRequested,
    SupervisorSaved,
    SupervisorState,
    SupervisorStateChanged,
    SupervisorStuck,
)

from makima_supervisor_heartbeat.domain.verdict import is_out_of_order


@dataclass(frozen=True, slots=True)
class Chain:
    """Where the chain of saves stands."""

    number: int = 0  # of the newest save
    hash: str = ""  # of the save after which the next one comes; "": none


@dataclass(frozen=True, slots=True)
class Supervisor:
    """State of a supervisor, folded from its stream."""

    contract_id: str = ""
    daemon_id: str = ""  # the daemon that runs it
    connection_id: str | None = None  # the current connection (incarnation); None: it sends no connection id
    state: SupervisorState | None = None  # None until the first heartbeat
    phase: str = ""
    # The newest connection ids that were replaced, newest last: their heartbeats no longer count.
    superseded: tuple[str, ...] = ()
    # Arrival of the heartbeat that last caused an event, or of the newest one when a restart was requested.
    heard: Arrival | None = None
    restarting: bool = False  # a restart was requested, and no heartbeat has come since
    # Evidence of the verdict in force; None if the last event was no verdict.
    evidence: Evidence | None = None
    # A restoration handed out the connection in force: one never seen before is no newer incarnation then, but may be
    # the held-up first heartbeat of an older one.
    handed_out: bool = False
    restoring: RestorationRequested | None = None  # a restoration that is not proved
    chain: Chain = field(default_factory=Chain)
    # Its last progress, if it is at work without any since; None: it is not stuck.
    stuck: datetime | None = None

    @property
    def alive(self) -> bool:
        return self.state is not None and self.state not in ENDED


def evolve(state: Supervisor, event: SupervisorEvent) -> Supervisor:
    """The state after an event of its stream."""
    match event:
        case SupervisorRegistered():
            return replace(
                state,
                contract_id=event.contract_id,
                daemon_id=event.daemon_id,
                connection_id=event.connection_id,
                state=event.state,
                phase=event.phase,
                heard=event.heard,
            )
        case SupervisorStateChanged():
            return _won_back(
                event,
                replace(
                    state,
                    daemon_id=event.daemon_id,
                    connection_id=event.connection_id,
                    state=event.new_state,
                    phase=event.phase,
                    superseded=fence(state.superseded, state.connection_id, event.connection_id),
                    heard=event.heard or state.heard,
                    evidence=event.evidence,
                    restarting=False,
                    stuck=None if event.new_state in ENDED else state.stuck,
                ),
            )
        case SupervisorRestartRequested(last_heard=last):
            newer = last is not None and not is_out_of_order(last, state.heard)
            return replace(state, restarting=True, heard=last if newer else state.heard)
        case SupervisorStuck(progress_at=progress_at):
            return replace(state, stuck=progress_at)
        case SupervisorProgressed():
            return replace(state, stuck=None)
        case SupervisorSaved() | CheckpointSaved():
            return replace(state, chain=Chain(event.number, event.hash))
        case RestorationRequested():
            return _requested(event, state)
        case RestorationProved():
            return replace(state, restoring=None, handed_out=True, heard=event.heard)
        case StateCorruptionDetected():
            return state


def _requested(event: RestorationRequested, supervisor: Supervisor) -> Supervisor:
    """A connection that was handed out before and never heard is fenced for good."""
    before = supervisor.restoring
    superseded = supervisor.superseded
    if before is not None and before.connection_id != supervisor.connection_id:
        superseded = fence(superseded, before.connection_id, event.connection_id)
    return replace(
        supervisor,
        contract_id=event.contract_id,
        superseded=superseded,
        restoring=event,
        chain=replace(supervisor.chain, hash=event.base_hash),
    )


def _won_back(event: SupervisorStateChanged, supervisor: Supervisor) -> Supervisor:
    """The connection before spoke first: the restoration ends, and the connection that it handed out is fenced."""
    restoring = supervisor.restoring
    if restoring is None or event.heard is None or event.connection_id == restoring.connection_id:
        return supervisor
    superseded = fence(supervisor.superseded, restoring.connection_id, event.connection_id)
    return replace(supervisor, restoring=None, superseded=superseded)
