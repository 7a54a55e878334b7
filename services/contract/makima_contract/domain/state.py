"""A contract as its events say it is; folding them asks no rule but the tables' destinations."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from makima_schemas.contract import events as e
from makima_schemas.contract.events import ContractEvent
from makima_schemas.contract.model import ContractStatus, Phase, QuestionType, TaskStatus, WaitingFor
from makima_schemas.gate import Readiness, readiness

from makima_contract.domain.statuses import LIFECYCLE, RUNNING, TASKS


@dataclass(frozen=True, slots=True)
class Task:
    name: str
    phase: str
    role: str | None
    plan: str | None
    is_supervisor: bool
    status: TaskStatus
    connection_id: str | None = None  # of the agent that claimed or started it


@dataclass(frozen=True, slots=True)
class Question:
    question: str
    question_type: QuestionType
    options: tuple[str, ...]
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """`status` is null before it is created. `verdict` is the validator's last word since the phase was entered; `confirmation_awaited`
    outlives a pause: the guarded phase was found ready, and nothing has said since that nobody waits for its confirmation.
    """

    status: ContractStatus | None = None
    deleted: bool = False
    phases: tuple[Phase, ...] = ()
    phase_name: str = ""
    phase_guard: bool = False
    auto_complete_enabled: bool = True
    waiting_for: WaitingFor | None = None
    paused_from: ContractStatus | None = None
    confirmation_awaited: bool = False
    verdict: e.PhaseValidated | None = None
    delivered: frozenset[tuple[str, str]] = frozenset()
    tasks: Mapping[str, Task] = field(default_factory=dict[str, Task])
    questions: Mapping[str, Question] = field(default_factory=dict[str, Question])

    @property
    def exists(self) -> bool:
        return self.status is not None and not self.deleted

    @property
    def phase(self) -> Phase:
        """The current phase."""
        return self.phases[self.index_of(self.phase_name)]

    @property
    def in_last_phase(self) -> bool:
        return self.phase_name == self.phases[-1].name

    @property
    def has_open_question(self) -> bool:
        return any(question.answer is None for question in self.questions.values())

    def index_of(self, phase: str) -> int:
        """Raises `StopIteration` for a phase that is not declared."""
        return next(index for index, declared in enumerate(self.phases) if declared.name == phase)

    def declared(self, phase: str) -> Phase | None:
        return next((declared for declared in self.phases if declared.name == phase), None)

    def readiness(self) -> Readiness:
        """Of the current phase."""
        delivered = {deliverable for phase, deliverable in self.delivered if phase == self.phase_name}
        passed, objection = (self.verdict.passed, self.verdict.reason) if self.verdict else (None, None)
        return readiness(self.phase, delivered, self.tasks.values(), passed, objection)


def evolve(contract: Contract, event: ContractEvent) -> Contract:
    """The contract after `event`."""
    return _apply_data(_apply_status(contract, event), event)


def _apply_status(contract: Contract, event: ContractEvent) -> Contract:
    status = LIFECYCLE.destination(contract.status, event)
    match event:
        case (
            e.InputAwaited(waiting_for=waiting_for)
            | e.ContractResumed(waiting_for=waiting_for)
            | e.ContractUnblocked(waiting_for=waiting_for)
            | e.ContractReopened(waiting_for=waiting_for)
            | e.CompletionAborted(waiting_for=waiting_for)
        ):
            pass
        case _:
            waiting_for = contract.waiting_for if status is ContractStatus.WAITING_FOR_INPUT else None
    if status is contract.status and waiting_for == contract.waiting_for:
        return contract
    awaited = waiting_for == "phase_confirmation" if status in RUNNING else contract.confirmation_awaited
    return replace(contract, status=status, waiting_for=waiting_for, confirmation_awaited=awaited)


def _apply_data(contract: Contract, event: ContractEvent) -> Contract:  # noqa: C901, PLR0912 - one case for each event, nothing else
    match event:
        case e.ContractCreated():
            return replace(
                contract,
                phases=event.phases,
                phase_name=event.phases[0].name,
                phase_guard=event.phase_guard,
                auto_complete_enabled=event.auto_complete_enabled,
            )
        case e.ContractPaused():
            return replace(contract, paused_from=event.paused_from)
        case e.ContractDeleted():
            return replace(contract, deleted=True)
        case e.PhaseChanged():
            return replace(contract, phase_name=event.to_phase, verdict=None, confirmation_awaited=False)
        case e.PhaseValidated():
            return replace(contract, verdict=event)
        case e.PhaseGuardSet():
            return replace(contract, phase_guard=event.enabled)
        case e.AutoCompleteSet():
            return replace(contract, auto_complete_enabled=event.enabled)
        case e.DeliverableCompleted():
            return replace(contract, delivered=contract.delivered | {(event.phase, event.deliverable_id)})
        case e.TaskCreated():
            made = Task(event.name, event.phase, event.role, event.plan, event.is_supervisor, TASKS.destination(None, event))
            return _with_task(contract, event.task_id, made)
        case e.TaskClaimed() | e.TaskStarted() | e.TaskReleased() | e.TaskCompleted() | e.TaskFailed():
            return _with_task(contract, event.task_id, _task_after(contract.tasks[event.task_id], event))
        case e.QuestionAsked():
            return _with_question(contract, event.question_id, Question(event.question, event.question_type, event.options))
        case e.QuestionAnswered():
            return _with_question(contract, event.question_id, replace(contract.questions[event.question_id], answer=event.answer))
        case _:
            return contract


def _task_after(task: Task, event: ContractEvent) -> Task:
    task = replace(task, status=TASKS.destination(task.status, event))
    match event:
        case e.TaskClaimed():
            return replace(task, connection_id=event.connection_id)
        case e.TaskStarted():
            return replace(task, connection_id=event.connection_id or task.connection_id)
        case e.TaskReleased():
            return replace(task, connection_id=None)
        case _:
            return task


def _with_task(contract: Contract, task_id: str, task: Task) -> Contract:
    return replace(contract, tasks={**contract.tasks, task_id: task})


def _with_question(contract: Contract, question_id: str, question: Question) -> Contract:
    return replace(contract, questions={**contract.questions, question_id: question})
