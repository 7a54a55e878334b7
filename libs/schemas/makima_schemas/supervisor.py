"""The supervisor: its states, commands and events. Stream: `supervisor-<task_id>`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from makima_schemas.evidence import Arrival, Evidence, VerdictEvidence
from makima_schemas.identity import ID_PATTERN

Id = Annotated[str, Field(pattern=ID_PATTERN)]


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

# The states in which it should get on: without progress for too long in one of them, it is stuck.
AT_WORK: Final = frozenset({SupervisorState.INITIALIZING, SupervisorState.WORKING})

StateChangedBy = Literal["heartbeat", "heartbeat_expired"]
# What a save is about (interfaces.md); a checkpoint is an event of its own.
SaveKind = Literal[
    "conversation", "task_spawned", "waiting_on", "question", "phase", "checkpoint", "activity", "error"
]
# `fresh`: nothing was saved, or nothing of it can be trusted. `from_checkpoint`: the chain of saves is broken; the
# newest checkpoint before the break. `resumed`: everything.
RestorationOutcome = Literal["fresh", "from_checkpoint", "resumed"]


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


@dataclass(frozen=True, slots=True)
class SupervisorSaved:
    """A part of the supervisor's state, saved by it. Saves form a chain, from `number` 1.

    `content` are the members of the save as JSON text. `hash` covers it, its place in the chain and `previous_hash`,
    which is that of the save before (empty: there is none, or a restoration began anew); see `saved_state`.
    """

    contract_id: str
    connection_id: str | None
    kind: SaveKind
    content: str
    number: int
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """A save to which a restoration can go back; otherwise as `SupervisorSaved`."""

    contract_id: str
    connection_id: str | None
    content: str
    number: int
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class RestorationRequested:
    """`connection_id` was handed out to daemon `daemon_id` for the supervisor, which goes on from what `outcome` says.

    It is in force once a heartbeat of it arrived after `after`, where the stream of heartbeats ended, (RestorationProved). Until then a heartbeat of the
    connection before, `replaces`, ends the restoration, and `connection_id` is fenced for good. `base_hash` is the
    hash of the save after which the chain goes on: of the checkpoint for `from_checkpoint`, empty for `fresh`, of the
    newest save for `resumed`.
    """

    contract_id: str
    daemon_id: str
    connection_id: str
    outcome: RestorationOutcome
    base_hash: str
    after: Arrival
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class RestorationProved:
    """The connection that was handed out is in force: its heartbeat `heard` arrived.

    The contract goes to the daemon by the ContractAssigned that follows.
    """

    contract_id: str
    daemon_id: str
    connection_id: str
    heard: Arrival


@dataclass(frozen=True, slots=True)
class StateCorruptionDetected:
    """The save at version `version` of this stream, with the number `number`, is not what was saved: its hash, or that
    of the save before it, differs. `checkpoint_version` is the newest checkpoint before it (null: there is none).
    """

    contract_id: str
    version: int
    number: int
    checkpoint_version: int | None = None


@dataclass(frozen=True, slots=True)
class SupervisorStuck:
    """It is at work, and beats, and has told no progress since `progress_at`, the arrival of the last heartbeat that
    told some. `activity` is what it says that it does.

    Ended by `SupervisorProgressed`, and by the end of the supervisor: completed, failed or interrupted.
    """

    contract_id: str
    connection_id: str | None
    progress_at: datetime
    activity: str | None = None


@dataclass(frozen=True, slots=True)
class SupervisorProgressed:
    """It is not stuck any more: the heartbeat that arrived at `progress_at` told progress."""

    contract_id: str
    connection_id: str | None
    progress_at: datetime


# What it saved: as many as it likes, and none of them changes its state.
SupervisorSave = SupervisorSaved | CheckpointSaved
# The events that change its state.
SupervisorStep = (
    SupervisorRegistered
    | SupervisorStateChanged
    | SupervisorRestartRequested
    | RestorationRequested
    | RestorationProved
    | SupervisorStuck
    | SupervisorProgressed
)
SupervisorEvent = SupervisorStep | SupervisorSave | StateCorruptionDetected


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
    evidence: VerdictEvidence


@dataclass(frozen=True, slots=True)
class RestartSupervisor:
    """Requests a restart from the daemon that runs the supervisor; the daemon must be connected."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SaveState:
    """Appends a part of the supervisor's state; `content` is a JSON object."""

    contract_id: Id
    kind: SaveKind
    content: str
    connection_id: Id | None = None


@dataclass(frozen=True, slots=True)
class RestoreSupervisor:
    """Hands `connection_id` out to a daemon for this supervisor, which goes on from what it saved."""

    contract_id: Id
    daemon_id: Id
    connection_id: Id


SupervisorCommand = ObserveHeartbeat | DeclareSilent | RestartSupervisor | SaveState | RestoreSupervisor
