"""The commands of a contract. The caller chooses all ids, so that a repeat creates nothing twice."""

from dataclasses import dataclass

from makima_schemas.contract.model import AssignedBecause, CompletedBy, Id, Name, QuestionType, Seconds
from makima_schemas.contract.new_phases import NewPhases
from makima_schemas.contract.task_commands import (
    ClaimTask,
    CompleteTask,
    CreateTask,
    FollowSupervisor,
    HandOffTask,
    ReleaseTask,
    ReturnTasks,
    StartTask,
)

# Named here as well, so that all commands of a contract are found in one module.
__all__ = [
    "ClaimTask",
    "CompleteTask",
    "CreateTask",
    "FollowSupervisor",
    "HandOffTask",
    "ReleaseTask",
    "ReturnTasks",
    "StartTask",
]


@dataclass(frozen=True, slots=True)
class CreateContract:
    """Creates a contract.

    `phases` replaces the phases of its type; `auto_complete_enabled` null takes the configured default.
    """

    name: Name
    owner_id: Id
    contract_type: str = "simple"
    description: str = ""
    phases: NewPhases | None = None
    phase_guard: bool = False
    auto_complete_enabled: bool | None = None
    stale_after_seconds: Seconds | None = None


@dataclass(frozen=True, slots=True)
class StartContract:
    pass


@dataclass(frozen=True, slots=True)
class PauseContract:
    """Pauses a contract; resuming returns it to its present status."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ResumeContract:
    pass


@dataclass(frozen=True, slots=True)
class BlockContract:
    """Marks a contract as blocked; `reason` becomes its `blocked_reason`."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class UnblockContract:
    pass


@dataclass(frozen=True, slots=True)
class FailContract:
    """Marks a contract as failed; `reason` becomes its `failure_reason`."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ReopenContract:
    """Returns a completed or failed contract to `active`, or to `waiting_for_input`."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ArchiveContract:
    """Archives a contract.

    `complete_first` completes a running contract before; it is set for old clients, which set the status
    `archived` on a running contract.
    """

    complete_first: bool = False


@dataclass(frozen=True, slots=True)
class DeleteContract:
    pass


@dataclass(frozen=True, slots=True)
class AssignContract:
    """Gives the contract to a daemon, with the connection that was handed out to its supervisor (null: none was).

    `first_heard` and `placed` take it from nobody but `replaces`: if another daemon has it, nothing changes.
    """

    daemon_id: Id
    because: AssignedBecause
    connection_id: Id | None = None
    task_id: Id | None = None
    replaces: Id | None = None


@dataclass(frozen=True, slots=True)
class AwaitConfirmation:
    """Sent by the completion-detector: the guarded phase `phase` is ready,
    and a person must confirm the next one.
    """

    phase: str


@dataclass(frozen=True, slots=True)
class StartCompletion:
    """Sent by the completion-detector: the gate of the last phase, `phase`, is satisfied."""

    phase: str


@dataclass(frozen=True, slots=True)
class AbortCompletion:
    reason: str


@dataclass(frozen=True, slots=True)
class FinishCompletion:
    """Sent by the completion-detector: the clean-up is done, its deadline has passed,
    or there was nothing to clean up.
    """

    completed_by: CompletedBy


@dataclass(frozen=True, slots=True)
class CompleteContract:
    """Sent for a person: completes the contract, whatever its gates require.

    Old clients set the status instead.
    """


@dataclass(frozen=True, slots=True)
class ChangePhase:
    """Changes the phase (plan 1.2, 1.3).

    `confirmed` satisfies the phase guard. `force` skips the order of phases and the gate, but never the
    version check or the phase guard.
    """

    phase: str
    confirmed: bool = False
    force: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RecordValidation:
    """Sent by the completion-detector: the result of the gate validator of `phase`."""

    phase: str
    validator: str
    passed: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SetPhaseGuard:
    enabled: bool


@dataclass(frozen=True, slots=True)
class SetAutoComplete:
    enabled: bool


@dataclass(frozen=True, slots=True)
class CompleteDeliverable:
    """Completes a deliverable of `phase`, by default of the current one;
    any declared phase is allowed (plan 1.1).
    """

    deliverable_id: Id
    phase: str | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class AskQuestion:
    """Asks a question. `options` is required for type `choice`, and empty for every other type."""

    question_id: Id
    question: str
    question_type: QuestionType = "text"
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerQuestion:
    """Answers an open question; for type `choice`, with one of its options."""

    question_id: Id
    answer: str


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Adds a message to a contract."""

    message_id: Id
    role: Id
    content: str


ContractCommand = (
    CreateContract
    | StartContract
    | PauseContract
    | ResumeContract
    | BlockContract
    | UnblockContract
    | FailContract
    | ReopenContract
    | ArchiveContract
    | DeleteContract
    | AssignContract
    | AwaitConfirmation
    | StartCompletion
    | AbortCompletion
    | FinishCompletion
    | CompleteContract
    | ChangePhase
    | RecordValidation
    | SetPhaseGuard
    | SetAutoComplete
    | CompleteDeliverable
    | CreateTask
    | ClaimTask
    | StartTask
    | ReleaseTask
    | CompleteTask
    | HandOffTask
    | ReturnTasks
    | FollowSupervisor
    | AskQuestion
    | AnswerQuestion
    | SendMessage
)
