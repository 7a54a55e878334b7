"""The rows of the read model, as the fold holds them: mutable, because a batch folds many events onto one row before it is written."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from makima_schemas.contract.model import ContractStatus, QuestionType, TaskStatus, WaitingFor
from makima_schemas.envelope import Recorded

# (tenant, contract id); (tenant, contract id, id of what lies inside it); (tenant, task id or daemon id).
ContractKey = tuple[str, str]
InnerKey = tuple[str, str, str]
SenderKey = tuple[str, str]
TallyKey = tuple[str, str, str, str]  # tenant, owner, status, phase
Counts = tuple[int, int, int, int, int]  # contracts, stale, supervised, running and pending tasks
Json = str  # a JSON value as its text: most events never look into it, so it is carried from row to row unread


@dataclass(slots=True)
class ContractRow:
    """`validated` is the last verdict of the current phase's validator, `validation_reason` what it said; `phases` are the declared ones, gates
    included. Until something is done in it (`ever_active`), a contract's activity is counted from `updated_at`.
    """

    tenant: str
    id: str
    name: str
    description: str
    contract_type: str
    owner_id: str
    status: ContractStatus
    phase: str
    phases: Json
    deliverables: Json
    version: int
    phase_guard: bool
    auto_complete_enabled: bool
    stale_after_seconds: int | None
    tasks_total: int
    tasks_pending: int
    tasks_claimed: int
    tasks_running: int
    tasks_completed: int
    tasks_failed: int
    waiting_for: WaitingFor | None
    validated: bool | None
    blocked_reason: str | None
    failure_reason: str | None
    stale: bool
    supervisor_task_id: str | None
    supervisor_alive: bool
    created_at: datetime
    updated_at: datetime
    status_changed_at: datetime
    last_activity_at: datetime
    completion_detected_at: datetime | None
    created_position: int
    validation_reason: str | None
    ever_active: bool


@dataclass(slots=True)
class TaskRow:
    """`role` is who has the task, or whom it waits for; `wanted_role` whom it was made for."""

    tenant: str
    contract_id: str
    id: str
    name: str
    phase: str
    role: str | None
    plan: str | None
    status: TaskStatus
    connection_id: str | None
    result: str | None
    is_supervisor: bool
    created_at: datetime
    updated_at: datetime
    created_position: int
    wanted_role: str | None


@dataclass(slots=True)
class QuestionRow:
    tenant: str
    contract_id: str
    id: str
    question: str
    question_type: QuestionType
    options: Json
    status: Literal["open", "answered"]
    answer: str | None
    asked_at: datetime
    answered_at: datetime | None
    asked_position: int


@dataclass(slots=True)
class MessageRow:
    tenant: str
    contract_id: str
    position: int
    id: str
    role: str
    content: str
    sent_at: datetime


@dataclass(slots=True)
class SupervisorRow:
    tenant: str
    task_id: str
    contract_id: str
    daemon_id: str
    connection_id: str | None
    state: str
    phase: str
    alive: bool
    registered_at: datetime
    changed_at: datetime
    evidence: Json | None


@dataclass(slots=True)
class DaemonRow:
    tenant: str
    id: str
    hostname: str
    connected: bool
    registered_at: datetime
    changed_at: datetime
    evidence: Json | None


@dataclass(slots=True)
class MonitorRow:
    """One monitor event; `old_status` and `status` are the contract's around it (null: none is known), `message` is what the socket sends."""

    position: int
    tenant: str
    contract_id: str
    old_status: ContractStatus | None
    status: ContractStatus | None
    type: str
    message: Json


@dataclass(slots=True)
class TallyRow:
    """How many contracts of an owner stand there; `supervised` are those whose supervisor lives. In a batch: how many more, or fewer."""

    tenant: str
    owner_id: str
    status: str
    phase: str
    contracts: int
    stale: int
    supervised: int
    tasks_running: int
    tasks_pending: int


@dataclass(slots=True)
class Rows:
    """The working set of one batch: what was loaded, and what the events made of it.

    `changed` are the contracts to write back, `forgotten` the deleted ones, `early` the supervisors that spoke of those that are not
    there yet; `orphans` are events of what we do not hold, because the event that made it was set aside as undecodable; `counted` is
    what the loaded contracts count in `tallies`.
    """

    contracts: dict[ContractKey, ContractRow] = field(default_factory=dict[ContractKey, ContractRow])
    tasks: dict[InnerKey, TaskRow] = field(default_factory=dict[InnerKey, TaskRow])
    questions: dict[InnerKey, QuestionRow] = field(default_factory=dict[InnerKey, QuestionRow])
    messages: list[MessageRow] = field(default_factory=list[MessageRow])
    supervisors: dict[SenderKey, SupervisorRow] = field(default_factory=dict[SenderKey, SupervisorRow])
    daemons: dict[SenderKey, DaemonRow] = field(default_factory=dict[SenderKey, DaemonRow])
    monitor_events: list[MonitorRow] = field(default_factory=list[MonitorRow])
    changed: set[ContractKey] = field(default_factory=set[ContractKey])
    deleted: set[ContractKey] = field(default_factory=set[ContractKey])
    unmatched_supervisors: dict[ContractKey, set[str]] = field(default_factory=dict[ContractKey, set[str]])
    orphans: list[Recorded] = field(default_factory=list[Recorded])
    counted: dict[ContractKey, tuple[TallyKey, Counts]] = field(default_factory=dict[ContractKey, tuple[TallyKey, Counts]])
