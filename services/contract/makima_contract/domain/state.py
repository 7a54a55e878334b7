"""The state of a contract, folded from its events.

The fold applies no rule: it needs the status tables only for an event's destination.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from makima_schemas.contract import events as e
from makima_schemas.contract.events import ContractEvent
from makima_schemas.contract.model import ContractStatus, Phase, QuestionType, TaskStatus, WaitingFor
from makima_schemas.gate import Readiness, readiness

from makima_contract.domain.statuses import LIFECYCLE, RUNNING, TASKS


@dataclass(frozen=True, slots=True)
class Task:
    """A task of the contract."""

    name: str  # a new task of the same name replaces a failed one (decision 0010)
    phase: str  # the phase whose gate counts it
    role: str | None  # the only role that may claim it; None: any role
    plan: str | None  # what the task is about, as given at its creation
    is_supervisor: bool  # the supervisor's own task, which gates ignore
    status: TaskStatus
    connection_id: str | None = None  # of the agent that claimed or started it; None: not fenced
    held_by: str | None = None  # the role that claimed it; None while it is pending
    agent_version: int = 0  # of the agent's stream of that role when it was claimed, or started


@dataclass(frozen=True, slots=True)
class Question:
    """A question to a person."""

    question: str  # its text
    question_type: QuestionType
    options: tuple[str, ...]  # the allowed answers of a question of type `choice`; else empty
    answer: str | None = None  # None while the question is open


@dataclass(frozen=True, slots=True)
class Contract:
    """The state of one contract."""

    status: ContractStatus | None = None  # None before ContractCreated
    deleted: bool = False  # a deleted contract keeps its last status, ARCHIVED
    phases: tuple[Phase, ...] = ()  # in their order; fixed at creation
    phase_name: str = ""  # the current phase
    phase_guard: bool = False  # True: leaving a phase needs a confirmed ChangePhase
    auto_complete_enabled: bool = True  # False: detectors do not advance or complete the contract
    waiting_for: WaitingFor | None = None  # set only in status WAITING_FOR_INPUT
    daemon_id: str | None = None  # the daemon that it is assigned to; None: to none yet
    connection_id: str | None = None  # handed out to its supervisor with the assignment; None: none was
    paused_from: ContractStatus | None = None  # the status at the last pause, to which ResumeContract returns
    # The guarded phase was found ready, and its confirmation is awaited. Unlike `waiting_for` it is kept
    # while the contract is paused or blocked, so that afterwards it waits for the confirmation again.
    confirmation_awaited: bool = False
    verdict: e.PhaseValidated | None = None  # the gate validator's last verdict since the phase was entered
    delivered: frozenset[tuple[str, str]] = frozenset()  # (phase, deliverable id) of completed deliverables
    tasks: Mapping[str, Task] = field(default_factory=dict[str, Task])  # by task id, in the order of creation
    questions: Mapping[str, Question] = field(default_factory=dict[str, Question])  # by question id

    @property
    def exists(self) -> bool:
        """True between creation and deletion."""
        return self.status is not None and not self.deleted

    @property
    def phase(self) -> Phase:
        """The current phase."""
        return self.phases[self.index_of(self.phase_name)]

    @property
    def in_last_phase(self) -> bool:
        """True if no phase follows the current one."""
        return self.phase_name == self.phases[-1].name

    @property
    def has_open_question(self) -> bool:
        """True if a question has no answer yet."""
        return any(question.answer is None for question in self.questions.values())

    def index_of(self, phase: str) -> int:
        """The index of `phase` in `phases`. Raises `StopIteration` if it is not declared."""
        return next(index for index, declared in enumerate(self.phases) if declared.name == phase)

    def declared(self, phase: str) -> Phase | None:
        """The declaration of `phase`; None if the contract has no such phase."""
        return next((declared for declared in self.phases if declared.name == phase), None)

    def readiness(self) -> Readiness:
        """The result of the current phase's gate."""
        delivered = {deliverable for phase, deliverable in self.delivered if phase == self.phase_name}
        passed, objection = (self.verdict.passed, self.verdict.reason) if self.verdict else (None, None)
        return readiness(self.phase, delivered, self.tasks.values(), passed, objection)


def evolve(contract: Contract, event: ContractEvent) -> Contract:
    """The contract after `event`."""
    return _apply_data(_apply_status(contract, event), event)


def _apply_status(contract: Contract, event: ContractEvent) -> Contract:
    """Sets the status and `waiting_for`, which events that may lead to WAITING_FOR_INPUT carry."""
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
    """Sets everything but the status and `waiting_for`."""
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
        case e.ContractAssigned():
            return replace(contract, daemon_id=event.daemon_id, connection_id=event.connection_id)
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
            made = Task(
                event.name,
                event.phase,
                event.role,
                event.plan,
                event.is_supervisor,
                TASKS.destination(None, event),
            )
            return _with_task(contract, event.task_id, made)
        case e.TaskClaimed() | e.TaskStarted() | e.TaskReleased() | e.TaskCompleted() | e.TaskFailed():
            return _with_task(contract, event.task_id, _task_after(contract.tasks[event.task_id], event))
        case e.QuestionAsked():
            return _with_question(
                contract, event.question_id, Question(event.question, event.question_type, event.options)
            )
        case e.QuestionAnswered():
            return _with_question(
                contract,
                event.question_id,
                replace(contract.questions[event.question_id], answer=event.answer),
            )
        case _:
            return contract


def _task_after(task: Task, event: ContractEvent) -> Task:
    """The task after `event`. A start without a connection id keeps the claim's; a release clears it."""
    task = replace(task, status=TASKS.destination(task.status, event))
    match event:
        case e.TaskClaimed():
            return replace(
                task,
                connection_id=event.connection_id,
                held_by=event.role,
                agent_version=event.agent_version or 0,
            )
        case e.TaskStarted():
            return replace(
                task,
                connection_id=event.connection_id or task.connection_id,
                agent_version=event.agent_version or task.agent_version,
            )
        case e.TaskReleased():
            return replace(task, connection_id=None, held_by=None, agent_version=0)
        case _:
            return task


def _with_task(contract: Contract, task_id: str, task: Task) -> Contract:
    return replace(contract, tasks={**contract.tasks, task_id: task})


def _with_question(contract: Contract, question_id: str, question: Question) -> Contract:
    return replace(contract, questions={**contract.questions, question_id: question})
