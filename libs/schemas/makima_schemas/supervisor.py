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


# The states of a supervisor that is not alive. No heartbeats are expected,
# so no verdict can overwrite how it ended.
ENDED: Final = frozenset({SupervisorState.COMPLETED, SupervisorState.FAILED, SupervisorState.INTERRUPTED})

StateChangedBy = Literal["heartbeat", "heartbeat_expired"]


@dataclass(frozen=True, slots=True)
class SupervisorRegistered:
    """The supervisor's first heartbeat, which is `heard`; recorded once per supervisor."""

    contract_id: str
    daemon_id: str
    connection_id: str | None
    state: SupervisorState
    phase: str
    heard: Arrival | None = None


@dataclass(frozen=True, slots=True)
class SupervisorStateChanged:
    """The state, the incarnation or the daemon of a supervisor changed.

    `connection_id` is the incarnation that sent the heartbeat, or that fell silent. `heard` is the heartbeat
    with the change (null for a verdict). `new_state` is `interrupted`, with `evidence`, if the supervisor
    fell silent; its next heartbeat ends that state. `new_state` equals `old_state` if only the incarnation or
    the daemon changed, or if it was heard again after a restart was requested.
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
    """The supervisor's daemon was requested to restart it; `connection_id` is the incarnation to be replaced.

    `last_heard` is the newest heartbeat that was recorded by then (null: none, or in logs of before). A later one proves
    that the supervisor is there again: it is a `SupervisorStateChanged`, even where nothing else changed.
    """

    contract_id: str
    daemon_id: str
    connection_id: str | None
    reason: str | None = None
    last_heard: Arrival | None = None


SupervisorEvent = SupervisorRegistered | SupervisorStateChanged | SupervisorRestartRequested


@dataclass(frozen=True, slots=True)
class ObserveHeartbeat:
    """Sent by the recorder for a heartbeat that may change the supervisor's state in the log."""

    contract_id: str
    daemon_id: str
    connection_id: str | None
    state: SupervisorState
    phase: str
    heard: Arrival


@dataclass(frozen=True, slots=True)
class DeclareSilent:
    """The detector's verdict: no heartbeat of `connection_id` arrived after the one at
    `evidence.stream_sequence`.
    """

    connection_id: str | None
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class RestartSupervisor:
    """Requests a restart from the daemon that runs the supervisor; the daemon must be connected."""

    reason: str | None = None


SupervisorCommand = ObserveHeartbeat | DeclareSilent | RestartSupervisor
