"""What the monitor says, on its socket and its event stream (interfaces.md, Monitor)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus, QuestionType
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import SupervisorState


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message; live begins behind `position`."""

    type: Literal["hello"]
    epoch: str
    position: int


@dataclass(frozen=True, slots=True)
class Reset:
    """What lies before cannot be told: read the state anew; live goes on behind `position`."""

    type: Literal["reset"]
    reason: str
    epoch: str
    position: int


@dataclass(frozen=True, slots=True)
class Lagging:
    """The reader is too slow; it goes on behind `position`, without a gap, while the log is at `head`."""

    type: Literal["lagging"]
    position: int
    head: int


@dataclass(frozen=True, slots=True)
class MonitorProblem:
    """A message that is no filter; the one in force is kept. The socket only: the stream answers 422 before it begins."""

    type: Literal["problem"]
    code: ErrorCode
    detail: str
    hint: str
    errors: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class StatusChangedMessage:
    """A new contract has `old_status` null, a deleted one `new_status`."""

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
    """`old_state` null: its first heartbeat."""

    type: Literal["SupervisorStateChanged"]
    position: int
    timestamp: datetime
    contract_id: str
    supervisor_task_id: str
    old_state: SupervisorState | None
    new_state: SupervisorState


@dataclass(frozen=True, slots=True)
class StaleDetectedMessage:
    """`stale_duration` is in seconds. Without a position it is a reminder: the contract is stale still."""

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
    """Has no position and is not replayed: telemetry."""

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
