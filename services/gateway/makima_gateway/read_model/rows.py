"""The rows of the read model in memory.

They are mutable: a batch folds many events onto a row before it is written.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypedDict

from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus, QuestionType, TaskStatus, WaitingFor
from makima_schemas.envelope import Recorded

ContractKey = tuple[str, str]  # tenant, contract id
InnerKey = tuple[str, str, str]  # tenant, contract id, id of a task or question in it
SenderKey = tuple[str, str]  # tenant, task id of a supervisor or daemon id
AgentKey = tuple[str, str, str]  # tenant, contract id, role
TallyKey = tuple[str, str, str, str]  # tenant, owner, status, phase
AgentCountKey = tuple[str, str, str, bool]  # tenant, owner, agent status, stuck
Counts = tuple[int, int, int, int, int]  # contracts, stale, supervised, running and pending tasks
Json = str  # a JSON value as text: most events do not read it, so it is not decoded


@dataclass(slots=True)
class ContractRow:
    """A contract."""

    tenant: str
    id: str
    name: str
    description: str
    contract_type: str
    owner_id: str
    status: ContractStatus
    phase: str  # name of the current phase
    phases: Json  # all declared phases, with their gates
    deliverables: Json  # of all phases, each with `completed` and `completed_at`
    version: int  # of its last event
    phase_guard: bool  # True: each phase change must be confirmed
    auto_complete_enabled: bool
    stale_after_seconds: int | None  # null: the detector's default
    tasks_total: int  # this and the following counts: without the supervisor task
    tasks_pending: int
    tasks_claimed: int
    tasks_running: int
    tasks_completed: int
    tasks_failed: int
    waiting_for: WaitingFor | None  # set in status waiting_for_input
    # last verdict of the current phase's validator; null: none since the phase was entered
    validated: bool | None
    blocked_reason: str | None
    failure_reason: str | None
    stale: bool  # as the stale-detector found
    supervisor_task_id: str | None  # the supervisor that drives it: the one heard last
    supervisor_alive: bool
    created_at: datetime
    updated_at: datetime  # time of its last event
    status_changed_at: datetime
    # Time of its last activity (domain.md, Activity); until `ever_active`, of its last event; or of a
    # supervisor's heartbeat, if that is later.
    last_activity_at: datetime
    completion_detected_at: datetime | None
    created_position: int  # log position of its first event; the key of list pages
    validation_reason: str | None  # what the validator reported with `validated`
    ever_active: bool  # True: at least one event that counts as activity has happened
    # The daemon that it is assigned to, or, with no assignment, whose supervisor was heard first.
    daemon_id: str | None
    # A restoration that is not proved: the supervisor, and what was handed out to whom.
    restoring_task_id: str | None = None
    restoring_daemon_id: str | None = None
    restoring_connection_id: str | None = None


@dataclass(slots=True)
class TaskRow:
    """A task of a contract."""

    tenant: str
    contract_id: str
    id: str
    name: str
    phase: str
    role: str | None  # the role that has claimed it; before that, `wanted_role`
    plan: str | None
    status: TaskStatus
    connection_id: str | None  # the agent's process that works on it
    result: str | None
    is_supervisor: bool  # True: the task that drives the contract
    created_at: datetime
    updated_at: datetime
    created_position: int  # log position; the key of list pages
    wanted_role: str | None  # the role that it was created for; null: any


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
    asked_position: int  # log position; the key of list pages


@dataclass(slots=True)
class MessageRow:
    tenant: str
    contract_id: str
    position: int  # in the log; the key of list pages
    id: str
    role: str  # of the sender
    content: str
    sent_at: datetime


class StuckProof(TypedDict):
    """The event that says that a sender is stuck, and what the sender said that it did."""

    event: str
    version: int  # of the sender's stream
    position: int  # in the log
    activity: str | None


@dataclass(slots=True)
class SupervisorRow:
    tenant: str
    task_id: str
    contract_id: str  # the contract that it drives
    daemon_id: str  # the daemon that runs it
    connection_id: str | None  # its present process (incarnation)
    state: str  # a SupervisorState
    phase: str
    alive: bool  # False: completed, failed or interrupted (silent)
    registered_at: datetime
    changed_at: datetime  # time of its last event
    evidence: Json | None  # of the verdict that it is silent, if that was its last event
    restart_requested: bool  # a restart was requested, and it was not heard again yet
    progress_at: datetime | None  # as the newest event about its progress says
    stuck_proof: Json | None  # a `StuckProof`; null: it is not stuck


class RestartCount(TypedDict):
    """An agent's newest restart after a crash: number `attempts` in a row, of `of`."""

    attempts: int
    of: int
    next_at: str  # when its process is started; RFC 3339


@dataclass(slots=True)
class AgentRow:
    """An agent: one role of one contract. That of the role `supervisor` is derived from the supervisor's row."""

    tenant: str
    contract_id: str
    role: str
    owner_id: str  # the contract's
    agent_status: AgentStatus
    connection_id: str | None  # in force; null: it never joined
    daemon_id: str | None  # the daemon that runs it; null: none
    since: datetime  # when it got its status; joining anew counts
    joined_at: datetime | None  # its last join; the last change of a supervisor that was heard; null: never
    version: int  # of its stream: this and the next two are of the event that gave it its status
    position: int  # in the log
    event: str
    trigger: str
    reason: str | None
    evidence: Json | None  # of the verdict that gave it its status
    # Cleaned up, or not alive in a contract that is archived: lists, teams and counts leave it out.
    hidden: bool
    stuck: bool  # alive without progress
    progress_at: datetime | None  # as the newest event about its progress says
    fenced: Json  # ids of the connections that were replaced, the newest ones
    stuck_proof: Json | None  # a `StuckProof`; null: it is not stuck
    restarts: Json | None  # a `RestartCount`; null: its daemon told of none


@dataclass(slots=True)
class DaemonRow:
    tenant: str
    id: str
    hostname: str
    connected: bool
    registered_at: datetime
    changed_at: datetime  # time of its last event
    evidence: Json | None  # of the verdict that it is disconnected, if that was its last event
    admitted: bool  # a token was made for it; False: it is known from before that was an event
    owner_id: str | None  # the owner that it serves; null: every one


@dataclass(slots=True)
class MonitorRow:
    """A monitor event."""

    position: int
    tenant: str
    contract_id: str
    old_status: ContractStatus | None  # the contract's status before the event; null: none is known
    status: ContractStatus | None  # and after it
    type: str  # of the message
    message: Json  # the message as it is sent


@dataclass(slots=True)
class TallyRow:
    """Counts over an owner's contracts of one status and phase.

    In a batch: what to add to them; may be negative.
    """

    tenant: str
    owner_id: str
    status: str
    phase: str
    contracts: int
    stale: int
    supervised: int  # contracts whose supervisor is alive
    tasks_running: int
    tasks_pending: int


@dataclass(slots=True)
class AgentCountRow:
    """How many of an owner's agents have a status, and are stuck or not; without hidden ones.

    In a batch: what to add; may be negative.
    """

    tenant: str
    owner_id: str
    agent_status: str
    stuck: bool
    agents: int


@dataclass(slots=True)
class Rows:
    """The working set of one batch: the rows that were loaded, with the batch's events applied."""

    contracts: dict[ContractKey, ContractRow] = field(default_factory=dict[ContractKey, ContractRow])
    tasks: dict[InnerKey, TaskRow] = field(default_factory=dict[InnerKey, TaskRow])
    questions: dict[InnerKey, QuestionRow] = field(default_factory=dict[InnerKey, QuestionRow])
    messages: list[MessageRow] = field(default_factory=list[MessageRow])
    supervisors: dict[SenderKey, SupervisorRow] = field(default_factory=dict[SenderKey, SupervisorRow])
    daemons: dict[SenderKey, DaemonRow] = field(default_factory=dict[SenderKey, DaemonRow])
    agents: dict[AgentKey, AgentRow] = field(default_factory=dict[AgentKey, AgentRow])
    monitor_events: list[MonitorRow] = field(default_factory=list[MonitorRow])
    changed: set[ContractKey] = field(default_factory=set[ContractKey])  # contracts to write back
    deleted: set[ContractKey] = field(default_factory=set[ContractKey])  # contracts to delete
    # Task ids of the supervisors of contracts that are created or assigned in the batch, and of those heard in it.
    supervisors_of: dict[ContractKey, set[str]] = field(default_factory=dict[ContractKey, set[str]])
    # Events of a row that does not exist, because the event that created it was set aside as undecodable.
    orphans: list[Recorded] = field(default_factory=list[Recorded])
    # What the loaded contracts were counted as in `tallies` before this batch.
    counted: dict[ContractKey, tuple[TallyKey, Counts]] = field(
        default_factory=dict[ContractKey, tuple[TallyKey, Counts]]
    )
    # As what the loaded agents were counted in `agent_counts` before this batch.
    counted_agents: dict[AgentKey, AgentCountKey] = field(default_factory=dict[AgentKey, AgentCountKey])
