"""The supervisor: its states, commands and events. Stream: `supervisor-<task_id>`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from makima_schemas.evidence import Arrival, Evidence


class SupervisorState(StrEnum):
    INITIALIZING = "initializing"
    IDLE = "idle"
    WORKING = "working"
    WAITING_FOR_USER = "waiting_for_user"
    WAITING_FOR_TASKS = "waiting_for_tasks"
    BLOCKED = "blocked"
    COMPLETED = "completed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


# Not alive: nobody waits for its heartbeats, so no verdict can overwrite how it ended.
ENDED: Final = frozenset({SupervisorState.COMPLETED, SupervisorState.FAILED, SupervisorState.INTERRUPTED})

StateChangedBy = Literal["heartbeat", "heartbeat_expired"]


@dataclass(frozen=True, slots=True)
class SupervisorRegistered:
    """Its first heartbeat, once per supervisor; `heard` is that heartbeat."""

    contract_id: str
    daemon_id: str
    connection_id: str | None
    state: SupervisorState
    phase: str
    heard: Arrival | None = None


@dataclass(frozen=True, slots=True)
class SupervisorStateChanged:
    """`new_state` is `interrupted`, with evidence, when the supervisor fell silent; the next heartbeat ends it.
    `connection_id` is the incarnation that speaks (or fell silent). A new incarnation, or a move to another daemon, is told
    with `new_state` = `old_state` if the state stayed. `heard` is the heartbeat that told it (null for a verdict).
    """

    contract_id: str
    daemon_id: str
    connection_id: str | None
    old_state: SupervisorState
    new_state: SupervisorState
    phase: str
    changed_by: StateChangedBy
    evidence: Evidence | None = None
    heard: Arrival | None = None


@dataclass(frozen=True, slots=True)
class SupervisorRestartRequested:
    """Its daemon was asked to start it anew; `connection_id` is the incarnation that is to be replaced."""

    contract_id: str
    daemon_id: str
    connection_id: str | None
    reason: str | None = None


SupervisorEvent = SupervisorRegistered | SupervisorStateChanged | SupervisorRestartRequested


@dataclass(frozen=True, slots=True)
class ObserveHeartbeat:
    """The recorder saw a heartbeat that may change what the log says."""

    contract_id: str
    daemon_id: str
    connection_id: str | None
    state: SupervisorState
    phase: str
    heard: Arrival


@dataclass(frozen=True, slots=True)
class DeclareSilent:
    """The detector's verdict: nothing was heard from `connection_id` after `evidence.stream_sequence`."""

    connection_id: str | None
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class RestartSupervisor:
    """Somebody asks for it: of the daemon that runs the supervisor, which must be connected."""

    reason: str | None = None


SupervisorCommand = ObserveHeartbeat | DeclareSilent | RestartSupervisor
