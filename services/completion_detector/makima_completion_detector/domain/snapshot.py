"""What the detector knows of a contract: exactly what a gate and the switches need, folded from the contract's events."""

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
    name: str
    phase: str
    status: TaskStatus
    is_supervisor: bool
    made: int = 0  # how many tasks there were before it: JSON in the database keeps no order


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the phase's validator said, about the work up to the contract's version `about`."""

    validator: str
    passed: bool
    reason: str | None
    about: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A contract at `version`.

    `episode` is the version at which the present stretch towards a gate began (a phase entered, a completion aborted, a
    reopening): what is found is recorded once per episode. `worked` is the version of the last event that may move a gate.
    """

    version: int = 0
    status: ContractStatus = ContractStatus.CREATED
    phase: str = ""
    phases: tuple[Phase, ...] = ()
    phase_guard: bool = False
    auto_complete: bool = True
    waiting_for: WaitingFor | None = None
    delivered: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    tasks: dict[str, Task] = field(default_factory=dict[str, Task])
    verdict: Verdict | None = None
    episode: int = 0
    worked: int = 0
    rests: bool = False  # it was completed, reopened, and nothing was done since (decision 0008)

    @property
    def current(self) -> Phase:
        return next(phase for phase in self.phases if phase.name == self.phase)

    @property
    def following(self) -> Phase | None:
        """The phase after the current one; None in the last."""
        index = self.phases.index(self.current) + 1
        return self.phases[index] if index < len(self.phases) else None

    def readiness(self) -> Readiness:
        """The gate of the current phase, by the one function that the contract's decider uses, too."""
        return self._readiness(self.verdict.passed, self.verdict.reason) if self.verdict else self._readiness(None)

    @property
    def awaits_verdict(self) -> bool:
        """All that the gate requires is there, but for a good verdict of its validator."""
        return not self.readiness().ready and self._readiness(validated=True).ready

    def _readiness(self, validated: bool | None, objection: str | None = None) -> Readiness:
        tasks = sorted(self.tasks.values(), key=attrgetter("made"))
        return readiness(self.current, self.delivered.get(self.phase, ()), tasks, validated, objection)


def fold(snapshot: Snapshot | None, event: Event, version: int) -> Snapshot | None:
    """The snapshot after `event`, which made the contract's `version`; None for a deleted contract."""
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
        moved = replace(moved, worked=version, rests=isinstance(event, e.ContractReopened) and snapshot.status is ContractStatus.COMPLETED)
    return replace(moved, episode=version) if isinstance(event, EPISODES) else moved


def _with_status(was: Snapshot, event: Event) -> Snapshot:
    """What is waited for holds until another status comes, or an event says otherwise."""
    status, waiting_for = _lands(was, event)
    return replace(was, status=status, waiting_for=waiting_for if status is ContractStatus.WAITING_FOR_INPUT else None)


def _lands(was: Snapshot, event: Event) -> tuple[ContractStatus, WaitingFor | None]:
    match event:
        case e.ContractResumed() | e.ContractUnblocked() | e.CompletionAborted() | e.ContractReopened():
            return event.to, event.waiting_for
        case e.InputAwaited(waiting_for):
            return ContractStatus.WAITING_FOR_INPUT, waiting_for
        case _:
            return destination(event) or was.status, was.waiting_for


def _with_work(was: Snapshot, event: Event) -> Snapshot:
    match event:
        case e.PhaseChanged(_, to_phase):
            return replace(was, phase=to_phase, verdict=None)
        case e.PhaseGuardSet(enabled):
            return replace(was, phase_guard=enabled)
        case e.AutoCompleteSet(enabled):
            return replace(was, auto_complete=enabled)
        case e.DeliverableCompleted(phase, deliverable_id):
            return replace(was, delivered=was.delivered | {phase: (*was.delivered.get(phase, ()), deliverable_id)})
        case e.PhaseValidated(_, validator, passed, reason):
            return replace(was, verdict=Verdict(validator, passed, reason, about=was.worked))
        case e.TaskCreated(task_id, name, phase, _, _, is_supervisor):
            return replace(was, tasks=was.tasks | {task_id: Task(name, phase, TaskStatus.PENDING, is_supervisor, len(was.tasks))})
        case e.TaskClaimed() | e.TaskStarted() | e.TaskReleased() | e.TaskCompleted() | e.TaskFailed():
            moved = replace(was.tasks[event.task_id], status=TASK_LEADS_TO[type(event)])
            return replace(was, tasks=was.tasks | {event.task_id: moved})
        case _:
            return was


TASK_LEADS_TO: Final[Mapping[type[Event], TaskStatus]] = {
    e.TaskClaimed: TaskStatus.CLAIMED,
    e.TaskStarted: TaskStatus.RUNNING,
    e.TaskReleased: TaskStatus.PENDING,
    e.TaskCompleted: TaskStatus.COMPLETED,
    e.TaskFailed: TaskStatus.FAILED,
}
# What may move a gate; a validator's verdict is about the work up to the last of these.
WORK = (
    e.DeliverableCompleted,
    e.TaskCreated,
    e.TaskReleased,
    e.TaskCompleted,
    e.TaskFailed,
    e.PhaseChanged,
    e.ContractReopened,
)  # fmt: skip
# Where a new stretch towards a gate begins.
EPISODES = (e.PhaseChanged, e.ContractReopened, e.CompletionAborted)
# After which of a contract's events the detector looks again (domain.md, Auto-advance).
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
