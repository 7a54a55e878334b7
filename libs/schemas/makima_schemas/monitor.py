"""The messages of the monitor, on its WebSocket and its event stream (interfaces.md, Monitor).

`name` is the contract's name, also of a deleted one; null: it was recorded before messages had it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus, QuestionType, WaitingFor
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import SupervisorState


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message. Live messages are those after `position`, in the log with this `epoch`."""

    type: Literal["hello"]
    epoch: str
    position: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The messages before `position` cannot be sent: read the state again.

    Live messages continue after `position`.
    """

    type: Literal["reset"]
    reason: str
    epoch: str
    position: int


@dataclass(frozen=True, slots=True)
class Lagging:
    """The client reads too slowly: it is at `position` while the log is at `head`.

    Messages continue without a gap.
    """

    type: Literal["lagging"]
    position: int
    head: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Every second, on each connection: it lives, and the client was told everything up to `position`.

    It has no position of its own and is not replayed. Silence for three seconds means that the connection or the
    gateway is gone.
    """

    type: Literal["Tick"]
    position: int
    head: int | None  # the log's last position; null: the log cannot be read now
    timestamp: datetime  # of the gateway's clock
    # for how long the log has had an event behind `position`; while it cannot be read, for how long it could not
    lag_ms: int
    watermark_age_ms: (
        int | None
    )  # how old the newest heartbeat is that verdicts go by; null: no detector answers
    verdicts_held: int | None  # owners for whom verdicts are held back; null: no detector answers
    # At the latest, as long as nothing stands still; null: none is, or not known.
    verdicts_held_until: datetime | None


@dataclass(frozen=True, slots=True)
class Rows:
    """With `rows` in the filter: the latest row of each contract that changed, at most five times a second.

    A row is what `GET /contracts?view=row` shows. `removed`: contracts that were deleted, or have none of the
    `statuses` of the filter. A row that is older than what the client has (`version`) changes nothing. Not replayed:
    with `since`, the latest rows of what changed meanwhile.
    """

    type: Literal["Rows"]
    position: int
    rows: list[dict[str, object]]
    removed: list[str]


@dataclass(frozen=True, slots=True)
class MonitorProblem:
    """The client sent a message that is not a valid filter; the present filter stays.

    Only on the WebSocket; the event stream answers 422 instead.
    """

    type: Literal["problem"]
    code: ErrorCode
    detail: str
    hint: str
    errors: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class StatusChangedMessage:
    """The status of a contract changed.

    `old_status` is null for a new contract, `new_status` for a deleted one.
    """

    type: Literal["StatusChanged"]
    position: int
    timestamp: datetime
    contract_id: str
    name: str | None
    old_status: ContractStatus | None
    new_status: ContractStatus | None
    reason: str | None
    waiting_for: WaitingFor | None  # of the new status `waiting_for_input`: what is awaited


@dataclass(frozen=True, slots=True)
class PhaseChangedMessage:
    type: Literal["PhaseChanged"]
    position: int
    timestamp: datetime
    contract_id: str
    name: str | None
    old_phase: str
    new_phase: str


@dataclass(frozen=True, slots=True)
class SupervisorStateChangedMessage:
    """The state of a supervisor changed. `old_state` is null at its first heartbeat."""

    type: Literal["SupervisorStateChanged"]
    position: int
    timestamp: datetime
    contract_id: str
    name: str | None
    supervisor_task_id: str
    old_state: SupervisorState | None
    new_state: SupervisorState


@dataclass(frozen=True, slots=True)
class StaleDetectedMessage:
    """A contract is stale. `stale_duration` is in seconds.

    Without a position it is a reminder that the contract is still stale.
    """

    type: Literal["StaleDetected"]
    timestamp: datetime
    contract_id: str
    name: str | None
    last_activity: datetime
    stale_duration: float
    position: int | None = None


@dataclass(frozen=True, slots=True)
class StaleClearedMessage:
    type: Literal["StaleCleared"]
    position: int
    timestamp: datetime
    contract_id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class TaskCompletedMessage:
    type: Literal["TaskCompleted"]
    position: int
    timestamp: datetime
    contract_id: str
    name: str | None
    task_id: str
    task_name: str
    success: bool


@dataclass(frozen=True, slots=True)
class DeliverableCompletedMessage:
    type: Literal["DeliverableCompleted"]
    position: int
    timestamp: datetime
    contract_id: str
    name: str | None
    phase: str
    deliverable_id: str


@dataclass(frozen=True, slots=True)
class QuestionAskedMessage:
    type: Literal["QuestionAsked"]
    position: int
    timestamp: datetime
    contract_id: str
    name: str | None
    question_id: str
    question: str
    question_type: QuestionType


@dataclass(frozen=True, slots=True)
class QuestionAnsweredMessage:
    type: Literal["QuestionAnswered"]
    position: int
    timestamp: datetime
    contract_id: str
    name: str | None
    question_id: str


@dataclass(frozen=True, slots=True)
class RestartsMessage:
    """Restart number `attempts` in a row, of the `of` that the agent's daemon tries before it gives up."""

    attempts: int
    of: int
    next_at: datetime  # when its process is started


@dataclass(frozen=True, slots=True)
class AgentStatusChangedMessage:
    """From `restarting` to `restarting`: it crashed again before it joined."""

    type: Literal["AgentStatusChanged"]
    position: int
    timestamp: datetime
    contract_id: str
    name: str | None
    role: str
    old_status: AgentStatus
    new_status: AgentStatus
    trigger: str
    restarts: RestartsMessage | None  # with `restarting` after a crash


@dataclass(frozen=True, slots=True)
class HeartbeatMessage:
    """The latest heartbeat of a contract's supervisor or agent. It has no position and is not replayed."""

    type: Literal["Heartbeat"]
    timestamp: datetime | None
    contract_id: str
    name: str | None
    role: str  # `supervisor`, or an agent's
    daemon_id: str | None
    connection_id: str | None
    state: str | None
    activity: str | None
    progress: int | None


MonitorMessage = (
    Hello
    | Reset
    | Lagging
    | Tick
    | Rows
    | MonitorProblem
    | StatusChangedMessage
    | PhaseChangedMessage
    | SupervisorStateChangedMessage
    | StaleDetectedMessage
    | StaleClearedMessage
    | TaskCompletedMessage
    | DeliverableCompletedMessage
    | QuestionAskedMessage
    | QuestionAnsweredMessage
    | AgentStatusChangedMessage
    | HeartbeatMessage
)
MONITOR_MESSAGES: Final[tuple[type[MonitorMessage], ...]] = get_args(MonitorMessage)
