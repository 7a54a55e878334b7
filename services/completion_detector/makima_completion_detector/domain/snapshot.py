"""The detector's snapshot of a contract, folded from its events: what the gates and switches depend on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Final

from makima_schemas.codec import Event
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus, Phase, TaskStatus, WaitingFor
from makima_schemas.contract.status_effects import destination
from makima_schemas.gate import Readiness, readiness


@dataclass(frozen=True, slots=True)
class Task:
    """A task, as far as gates depend on it."""

    name: str
    phase: str
    status: TaskStatus
    is_supervisor: bool  # gates ignore the supervisor's own task
    made: int = 0  # its place in the order of creation, from 0, as jsonb does not keep the order of keys


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a gate validator."""

    validator: str  # its name
    passed: bool
    reason: str | None  # why it did not pass
    about: int  # the value of `Snapshot.worked` when it was recorded: it does not cover later work


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A contract at one version. Stored as JSON, and given to validators."""

    version: int = 0  # the version of the last folded event
    status: ContractStatus = ContractStatus.CREATED
    phase: str = ""  # the name of the current phase
    phases: tuple[Phase, ...] = ()  # in their order
    phase_guard: bool = False  # True: a phase change needs a person's confirmation
    auto_complete: bool = True  # the contract's switch; False: never advanced or completed automatically
    waiting_for: WaitingFor | None = None  # set only in status WAITING_FOR_INPUT
    delivered: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])  # phase → ids
    tasks: dict[str, Task] = field(default_factory=dict[str, Task])  # by task id
    verdict: Verdict | None = None  # the last one since the phase was entered
    # The version at which the present episode began: the creation, a phase change, an aborted completion or a
    # reopening. Each finding is recorded once per episode.
    episode: int = 0
    worked: int = 0  # the version of the last event in `WORK`
    rests: bool = False  # True: it was completed, reopened, and nothing was done since (decision 0008)

    @property
    def current(self) -> Phase:
        """The current phase."""
        return next(phase for phase in self.phases if phase.name == self.phase)

    @property
    def following(self) -> Phase | None:
        """The next phase; None if the current one is the last."""
        index = self.phases.index(self.current) + 1
        return self.phases[index] if index < len(self.phases) else None

    def readiness(self) -> Readiness:
        """The result of the current phase's gate, by the same function as in the contract's decider."""
        return (
            self._readiness(self.verdict.passed, self.verdict.reason)
            if self.verdict
            else self._readiness(None)
        )

    @property
    def awaits_verdict(self) -> bool:
        """True if the gate misses nothing but a passing verdict of its validator."""
        return not self.readiness().ready and self._readiness(validated=True).ready

    def _readiness(self, validated: bool | None, objection: str | None = None) -> Readiness:
        tasks = sorted(self.tasks.values(), key=attrgetter("made"))
        return readiness(self.current, self.delivered.get(self.phase, ()), tasks, validated, objection)


def fold(snapshot: Snapshot | None, event: Event, version: int) -> Snapshot | None:
    """The snapshot after `event`; None for a deleted contract.

    `snapshot`: the one before; None before the creation. `version`: the event's number in the contract's
    stream.
    """
    if isinstance(event, e.ContractCreated):
        return Snapshot(
            version=version,
            phase=event.phases[0].name,
            phases=event.phases,
            phase_guard=event.phase_guard,
            auto_complete=event.auto_complete_enabled,
            episode=version,
            worked=version,
        )
    if isinstance(event, e.ContractDeleted) or snapshot is None:
        return None
    moved = replace(_with_work(_with_status(snapshot, event), event), version=version)
    if isinstance(event, WORK):
        moved = replace(
            moved,
            worked=version,
            rests=isinstance(event, e.ContractReopened) and snapshot.status is ContractStatus.COMPLETED,
        )
    return replace(moved, episode=version) if isinstance(event, EPISODES) else moved


def _with_status(was: Snapshot, event: Event) -> Snapshot:
    """Sets the status and `waiting_for`. The latter is kept until the status or an event changes it."""
    status, waiting_for = _lands(was, event)
    return replace(
        was, status=status, waiting_for=waiting_for if status is ContractStatus.WAITING_FOR_INPUT else None
    )


def _lands(was: Snapshot, event: Event) -> tuple[ContractStatus, WaitingFor | None]:
    """The status after `event`, and what the contract then waits for."""
    match event:
        case e.ContractResumed() | e.ContractUnblocked() | e.CompletionAborted() | e.ContractReopened():
            return event.to, event.waiting_for
        case e.InputAwaited(waiting_for):
            return ContractStatus.WAITING_FOR_INPUT, waiting_for
        case _:
            return destination(event) or was.status, was.waiting_for


def _with_work(was: Snapshot, event: Event) -> Snapshot:
    """Sets what does not depend on the status: phase, switches, deliverables, tasks and verdict."""
    match event:
        case e.PhaseChanged(_, to_phase):
            return replace(was, phase=to_phase, verdict=None)
        case e.PhaseGuardSet(enabled):
            return replace(was, phase_guard=enabled)
        case e.AutoCompleteSet(enabled):
            return replace(was, auto_complete=enabled)
        case e.DeliverableCompleted(phase, deliverable_id):
            return replace(
                was, delivered=was.delivered | {phase: (*was.delivered.get(phase, ()), deliverable_id)}
            )
        case e.PhaseValidated(_, validator, passed, reason):
            return replace(was, verdict=Verdict(validator, passed, reason, about=was.worked))
        case e.TaskCreated(task_id, name, phase, _, _, is_supervisor):
            return replace(
                was,
                tasks=was.tasks
                | {task_id: Task(name, phase, TaskStatus.PENDING, is_supervisor, len(was.tasks))},
            )
        case e.TaskClaimed() | e.TaskStarted() | e.TaskReleased() | e.TaskCompleted() | e.TaskFailed():
            moved = replace(was.tasks[event.task_id], status=TASK_LEADS_TO[type(event)])
            return replace(was, tasks=was.tasks | {event.task_id: moved})
        case _:
            return was


# A task's status after each event.
TASK_LEADS_TO: Final[Mapping[type[Event], TaskStatus]] = {
    e.TaskClaimed: TaskStatus.CLAIMED,
    e.TaskStarted: TaskStatus.RUNNING,
    e.TaskReleased: TaskStatus.PENDING,
    e.TaskCompleted: TaskStatus.COMPLETED,
    e.TaskFailed: TaskStatus.FAILED,
}
# Events that may satisfy or open a gate. A validator's verdict covers the work up to the last of these.
WORK = (
    e.DeliverableCompleted,
    e.TaskCreated,
    e.TaskReleased,
    e.TaskCompleted,
    e.TaskFailed,
    e.PhaseChanged,
    e.ContractReopened,
)  # fmt: skip
# Events that begin a new episode, so that a finding is recorded again.
EPISODES = (e.PhaseChanged, e.ContractReopened, e.CompletionAborted)
# Events after which the detector evaluates the contract again (domain.md, Auto-advance).
TRIGGERS = (
    *WORK,
    e.ContractStarted,
    e.ContractResumed,
    e.ContractUnblocked,
    e.InputReceived,
    e.CompletionStarted,
    e.CompletionAborted,
    e.PhaseGuardSet,
    e.AutoCompleteSet,
    e.PhaseValidated,
)
