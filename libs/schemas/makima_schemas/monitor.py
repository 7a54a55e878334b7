"""The messages of the monitor, on its WebSocket and its event stream (interfaces.md, Monitor)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus, QuestionType
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
    old_status: ContractStatus | None
    new_status: ContractStatus | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class PhaseChangedMessage:
    type: Literal["PhaseChanged"]
    position: int
    timestamp: datetime
    contract_id: str
    old_phase: str
    new_phase: str


@dataclass(frozen=True, slots=True)
class SupervisorStateChangedMessage:
    """The state of a supervisor changed. `old_state` is null at its first heartbeat."""

    type: Literal["SupervisorStateChanged"]
    position: int
    timestamp: datetime
    contract_id: str
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
    last_activity: datetime
    stale_duration: float
    position: int | None = None


@dataclass(frozen=True, slots=True)
class StaleClearedMessage:
    type: Literal["StaleCleared"]
    position: int
    timestamp: datetime
    contract_id: str


@dataclass(frozen=True, slots=True)
class TaskCompletedMessage:
    type: Literal["TaskCompleted"]
    position: int
    timestamp: datetime
    contract_id: str
    task_id: str
    task_name: str
    success: bool


@dataclass(frozen=True, slots=True)
class DeliverableCompletedMessage:
    type: Literal["DeliverableCompleted"]
    position: int
    timestamp: datetime
    contract_id: str
    phase: str
    deliverable_id: str


@dataclass(frozen=True, slots=True)
class QuestionAskedMessage:
    type: Literal["QuestionAsked"]
    position: int
    timestamp: datetime
    contract_id: str
    question_id: str
    question: str
    question_type: QuestionType


@dataclass(frozen=True, slots=True)
class AgentStatusChangedMessage:
    type: Literal["AgentStatusChanged"]
    position: int
    timestamp: datetime
    contract_id: str
    role: str
    old_status: AgentStatus
    new_status: AgentStatus
    trigger: str


@dataclass(frozen=True, slots=True)
class HeartbeatMessage:
    """The latest heartbeat of a contract's supervisor or agent. It has no position and is not replayed."""

    type: Literal["Heartbeat"]
    timestamp: datetime | None
    contract_id: str
    state: str | None
    activity: str | None
    progress: int | None


MonitorMessage = (
    Hello
    | Reset
    | Lagging
    | MonitorProblem
    | StatusChangedMessage
    | PhaseChangedMessage
    | SupervisorStateChangedMessage
    | StaleDetectedMessage
    | StaleClearedMessage
    | TaskCompletedMessage
    | DeliverableCompletedMessage
    | QuestionAskedMessage
    | AgentStatusChangedMessage
    | HeartbeatMessage
)
MONITOR_MESSAGES: Final[tuple[type[MonitorMessage], ...]] = get_args(MonitorMessage)
