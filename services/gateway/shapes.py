"""What HTTP answers, as interfaces.md fixes it. Times are RFC 3339, UTC, `Z`, microseconds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from makima_schemas.contract.model import ContractStatus, QuestionType, TaskStatus, WaitingFor
from makima_schemas.errors import Code

from services.gateway.access import Role

LegacyStatus = Literal["active", "completed", "archived"]


@dataclass(frozen=True, slots=True)
class Deliverable:
    phase: str
    id: str
    name: str
    completed: bool
    completed_at: str | None


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """Without the supervisor task: it drives the contract and never counts."""

    total: int
    pending: int
    claimed: int
    running: int
    completed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Contract:
    id: str
    name: str
    description: str
    contract_type: str
    owner_id: str
    status: ContractStatus
    legacy_status: LegacyStatus
    phase: str
    phases: list[str]
    version: int
    phase_guard: bool
    auto_complete_enabled: bool
    deliverables: list[Deliverable]
    tasks: TaskCounts
    waiting_for: WaitingFor | None
    blocked_reason: str | None
    failure_reason: str | None
    stale: bool
    created_at: datetime
    updated_at: datetime
    status_changed_at: datetime
    last_activity_at: datetime
    completion_detected_at: datetime | None


@dataclass(frozen=True, slots=True)
class AutoCompleteSummary:
    """The plan's ContractSummary (task 2.4)."""

    id: str
    name: str
    status: ContractStatus
    phase: str
    version: int
    auto_complete_enabled: bool


@dataclass(frozen=True, slots=True)
class PhaseTrial:
    would_succeed: bool
    code: str | None
    missing: list[str]
    deliverables: list[str]


@dataclass(frozen=True, slots=True)
class PhaseReadiness:
    phase: str
    ready: bool
    missing: list[str]
    auto_advance_enabled: bool


@dataclass(frozen=True, slots=True)
class CompletionCheck:
    ready: bool
    would_complete: bool
    missing: list[str]


@dataclass(frozen=True, slots=True)
class Task:
    id: str
    contract_id: str
    name: str
    phase: str
    role: str | None
    is_supervisor: bool
    plan: str | None
    status: TaskStatus
    connection_id: str | None
    result: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    contract_id: str
    question: str
    question_type: QuestionType
    options: list[str]
    status: Literal["open", "answered"]
    answer: str | None
    asked_at: datetime
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Message:
    id: str
    contract_id: str
    role: str
    content: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class SupervisorStatus:
    """`activity` and `current_activity` say the same: both names are in use."""

    task_id: str
    state: str
    phase: str
    current_activity: str | None
    activity: str | None
    progress: int | None
    last_heartbeat: datetime | None
    pending_task_ids: list[str]
    alive: bool
    stuck: bool


@dataclass(frozen=True, slots=True)
class RestartAsked:
    """Of which daemon; the supervisor is back with its next heartbeat."""

    task_id: str
    daemon_id: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    timestamp: str
    state: str
    activity: str
    progress: int
    phase: str


@dataclass(frozen=True, slots=True)
class Heartbeats:
    heartbeats: list[Heartbeat]


@dataclass(frozen=True, slots=True)
class Daemon:
    id: str
    hostname: str
    connected: bool
    last_heartbeat: datetime | None
    agents: list[str]
    worktrees: int
    capacity: int


@dataclass(frozen=True, slots=True)
class ContractPage:
    items: list[Contract]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class TaskPage:
    items: list[Task]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class QuestionPage:
    items: list[Question]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class MessagePage:
    items: list[Message]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class DaemonPage:
    items: list[Daemon]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class EventPage:
    """CloudEvents 1.0."""

    items: list[dict[str, object]]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """`token` and `nats_password` are secrets: they are shown this once. Where the broker's users are kept elsewhere, a daemon's are null."""

    id: str
    token: str
    role: Role
    owner: str | None
    daemon_id: str | None
    nats_user: str | None = None
    nats_password: str | None = None


@dataclass(frozen=True, slots=True)
class TokenView:
    id: str
    role: Role
    owner: str | None
    daemon_id: str | None
    created_at: datetime
    created_by: str
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class TokenPage:
    items: list[TokenView]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """RFC 9457; beside these the members that belong to the code."""

    type: str
    title: str
    status: int
    detail: str
    code: Code
    hint: str | None
    trace_id: str | None
