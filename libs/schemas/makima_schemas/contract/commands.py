"""What may be asked of a contract. Ids are minted by the caller, so that a repeat asks for the same thing."""

from dataclasses import dataclass

from makima_schemas.contract.model import CompletedBy, Id, Name, Phase, QuestionType, Seconds


@dataclass(frozen=True, slots=True)
class CreateContract:
    """`phases` replaces the type's own list; `auto_complete_enabled` null takes the configured default."""

    name: Name
    owner_id: Id
    contract_type: str = "simple"
    description: str = ""
    phases: tuple[Phase, ...] | None = None
    phase_guard: bool = False
    auto_complete_enabled: bool | None = None
    stale_after_seconds: Seconds | None = None


@dataclass(frozen=True, slots=True)
class StartContract:
    pass


@dataclass(frozen=True, slots=True)
class PauseContract:
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ResumeContract:
    pass


@dataclass(frozen=True, slots=True)
class BlockContract:
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class UnblockContract:
    pass


@dataclass(frozen=True, slots=True)
class FailContract:
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ReopenContract:
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ArchiveContract:
    """`complete_first`: an old client sets the status `archived` on a running contract; that completes it on the way."""

    complete_first: bool = False


@dataclass(frozen=True, slots=True)
class DeleteContract:
    pass


@dataclass(frozen=True, slots=True)
class AwaitConfirmation:
    """The detector found a guarded phase ready: a person must confirm the next one. `phase` is the one it judged."""

    phase: str


@dataclass(frozen=True, slots=True)
class StartCompletion:
    """The detector found the last phase satisfied. `phase` is the one it judged."""

    phase: str


@dataclass(frozen=True, slots=True)
class AbortCompletion:
    reason: str


@dataclass(frozen=True, slots=True)
class FinishCompletion:
    """The detector's: the clean-up is done, its time is over, or there was nothing to clean."""

    completed_by: CompletedBy


@dataclass(frozen=True, slots=True)
class CompleteContract:
    """A person's: it is done, whatever its gates say; what old clients do by setting the status."""


@dataclass(frozen=True, slots=True)
class ChangePhase:
    """plan 1.2, 1.3. `confirmed` answers the phase guard; `force` skips order and gate, never version or guard."""

    phase: str
    confirmed: bool = False
    force: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RecordValidation:
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
    """`phase` null means the current one; any declared phase may be named (plan 1.1)."""

    deliverable_id: Id
    phase: str | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class CreateTask:
    """`phase` null means the current one; the supervisor task drives the contract and never counts for a gate."""

    task_id: Id
    name: Name
    phase: str | None = None
    role: Id | None = None
    plan: str | None = None
    is_supervisor: bool = False


@dataclass(frozen=True, slots=True)
class ClaimTask:
    task_id: Id
    role: Id
    connection_id: str | None = None


@dataclass(frozen=True, slots=True)
class StartTask:
    task_id: Id
    connection_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReleaseTask:
    task_id: Id
    connection_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CompleteTask:
    task_id: Id
    success: bool
    result: str | None = None
    connection_id: str | None = None


@dataclass(frozen=True, slots=True)
class HandOffTask:
    """Completes the task and makes one of the same phase and name for `to_role`, under `next_task_id`."""

    task_id: Id
    to_role: Id
    next_task_id: Id
    result: str | None = None
    connection_id: str | None = None


@dataclass(frozen=True, slots=True)
class AskQuestion:
    question_id: Id
    question: str
    question_type: QuestionType = "text"
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerQuestion:
    question_id: Id
    answer: str


@dataclass(frozen=True, slots=True)
class SendMessage:
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
    | AskQuestion
    | AnswerQuestion
    | SendMessage
)
