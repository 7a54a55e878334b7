"""The events of a contract. The contract's id is in the stream's name;
an event's time is when the log recorded it.

An event whose destination is not fixed records it in `to`; if that is `waiting_for_input`, `waiting_for` says
what the contract waits for. Otherwise `InputAwaited` records what it waits for, also each change of that; it
applies until the status changes.
"""

from dataclasses import dataclass

from makima_schemas.contract.model import (
    AssignedBecause,
    CompletedBy,
    ContractStatus,
    Phase,
    QuestionType,
    WaitingFor,
)


@dataclass(frozen=True, slots=True)
class ContractCreated:
    name: str
    description: str
    contract_type: str
    owner_id: str
    phases: tuple[Phase, ...]
    phase_guard: bool
    auto_complete_enabled: bool
    stale_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class ContractStarted:
    pass


@dataclass(frozen=True, slots=True)
class ContractPaused:
    reason: str | None
    paused_from: ContractStatus


@dataclass(frozen=True, slots=True)
class ContractResumed:
    to: ContractStatus
    waiting_for: WaitingFor | None = None


@dataclass(frozen=True, slots=True)
class InputAwaited:
    waiting_for: WaitingFor


@dataclass(frozen=True, slots=True)
class InputReceived:
    pass


@dataclass(frozen=True, slots=True)
class ContractBlocked:
    reason: str | None


@dataclass(frozen=True, slots=True)
class ContractUnblocked:
    to: ContractStatus
    waiting_for: WaitingFor | None = None


@dataclass(frozen=True, slots=True)
class CompletionStarted:
    pass


@dataclass(frozen=True, slots=True)
class CompletionAborted:
    reason: str
    to: ContractStatus
    waiting_for: WaitingFor | None = None


@dataclass(frozen=True, slots=True)
class ContractCompleted:
    completed_by: CompletedBy


@dataclass(frozen=True, slots=True)
class ContractFailed:
    reason: str | None


@dataclass(frozen=True, slots=True)
class ContractReopened:
    reason: str | None
    to: ContractStatus
    waiting_for: WaitingFor | None = None


@dataclass(frozen=True, slots=True)
class ContractArchived:
    pass


@dataclass(frozen=True, slots=True)
class ContractDeleted:
    pass


@dataclass(frozen=True, slots=True)
class ContractAssigned:
    """`daemon_id` runs the contract from here on, and no other daemon does (agents.md, Assignment).

    `connection_id` was handed out to its supervisor, of `task_id`: it is the one in force from here on, heard or
    not. Null: none was handed out, and the first one heard is in force.
    """

    daemon_id: str
    because: AssignedBecause
    connection_id: str | None = None
    task_id: str | None = None


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    from_phase: str
    to_phase: str
    forced: bool = False
    confirmed: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PhaseValidated:
    phase: str
    validator: str
    passed: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PhaseGuardSet:
    enabled: bool


@dataclass(frozen=True, slots=True)
class AutoCompleteSet:
    enabled: bool


@dataclass(frozen=True, slots=True)
class DeliverableCompleted:
    phase: str
    deliverable_id: str
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class TaskCreated:
    task_id: str
    name: str
    phase: str
    role: str | None = None
    plan: str | None = None
    is_supervisor: bool = False


@dataclass(frozen=True, slots=True)
class TaskClaimed:
    """`agent_version`: of the stream of the role's agent, at that moment; 0: it had none. Null in old logs."""

    task_id: str
    role: str
    connection_id: str | None = None
    agent_version: int | None = None


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """`agent_version`: as in `TaskClaimed`."""

    task_id: str
    connection_id: str | None = None
    agent_version: int | None = None


@dataclass(frozen=True, slots=True)
class TaskReleased:
    task_id: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class TaskCompleted:
    task_id: str
    name: str
    result: str | None = None


@dataclass(frozen=True, slots=True)
class TaskFailed:
    task_id: str
    name: str
    result: str | None = None


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """`again`: it was asked before and is open; a restored supervisor has it delivered once more."""

    question_id: str
    question: str
    question_type: QuestionType
    options: tuple[str, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class QuestionAnswered:
    question_id: str
    answer: str


@dataclass(frozen=True, slots=True)
class MessageSent:
    message_id: str
    role: str
    content: str


ContractEvent = (
    ContractCreated
    | ContractStarted
    | ContractPaused
    | ContractResumed
    | InputAwaited
    | InputReceived
    | ContractBlocked
    | ContractUnblocked
    | CompletionStarted
    | CompletionAborted
    | ContractCompleted
    | ContractFailed
    | ContractReopened
    | ContractArchived
    | ContractDeleted
    | ContractAssigned
    | PhaseChanged
    | PhaseValidated
    | PhaseGuardSet
    | AutoCompleteSet
    | DeliverableCompleted
    | TaskCreated
    | TaskClaimed
    | TaskStarted
    | TaskReleased
    | TaskCompleted
    | TaskFailed
    | QuestionAsked
    | QuestionAnswered
    | MessageSent
)
