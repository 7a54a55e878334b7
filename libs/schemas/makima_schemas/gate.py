"""Is a phase ready? One pure function for everybody who asks (plan 2.1): the contract, the completion-detector, the readiness page."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from makima_schemas.contract.model import Gate, MinComplete, NamedTasks, Phase, TaskRequirement, TaskStatus


class GateTask(Protocol):
    """What a gate needs to know of a task."""

    @property
    def name(self) -> str: ...

    @property
    def phase(self) -> str: ...

    @property
    def status(self) -> TaskStatus: ...

    @property
    def is_supervisor(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Readiness:
    """`no_gate` is a phase with nothing to require: it answers ready, and never advances by itself.

    `missing` reads like `Deliverable: plan-document`, `1 tasks incomplete`, `Validator: lint`, and, once it has objected, `Validator: lint (two warnings)`.
    """

    kind: Literal["ready", "not_ready", "no_gate"]
    missing: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        return self.kind != "not_ready"

    @property
    def by_gate(self) -> bool:
        """Ready because something was required and is there: only then may a contract move on by itself."""
        return self.kind == "ready"


def required_deliverables(phase: Phase) -> tuple[str, ...]:
    """The ids that the gate asks for: all that the phase declares, unless it says otherwise."""
    if phase.gate.required_deliverables is not None:
        return phase.gate.required_deliverables
    return tuple(deliverable.id for deliverable in phase.deliverables)


def readiness(
    phase: Phase, delivered: Collection[str], tasks: Iterable[GateTask], validated: bool | None, objection: str | None = None
) -> Readiness:
    """Whether the gate of `phase` is satisfied.

    `delivered`: the ids of this phase's completed deliverables. `tasks`: the contract's tasks in the order in which they were made, those
    of other phases and the supervisor task are left out here; a failed task is not complete, until a later one of its name is.
    `validated`: the last verdict of the gate's validator since the phase was entered, `None` if there is none; `objection`: what it had
    to say against the work.
    """
    own = _counting([task for task in tasks if task.phase == phase.name and not task.is_supervisor])
    if _requires_nothing(phase, own):
        return Readiness("no_gate")
    missing = [
        *(f"Deliverable: {needed}" for needed in required_deliverables(phase) if needed not in delivered),
        *_missing_tasks(phase.gate.required_tasks, own),
        *_missing_validation(phase.gate, validated, objection),
    ]
    return Readiness("not_ready", tuple(missing)) if missing else Readiness("ready")


def _counting(own: Sequence[GateTask]) -> list[GateTask]:
    """Without the failed tasks that were made again: the later task of the name counts in their place (decision 0010)."""
    last = {task.name: index for index, task in enumerate(own)}
    return [task for index, task in enumerate(own) if task.status is not TaskStatus.FAILED or last[task.name] == index]


def _requires_nothing(phase: Phase, own: Collection[GateTask]) -> bool:
    """`all_complete` of no tasks at all is nothing: a phase that declares nothing must not rush by before work has come."""
    tasks = phase.gate.required_tasks
    idle = tasks in ("none", MinComplete(0), NamedTasks(())) or (tasks == "all_complete" and not own)
    return idle and not required_deliverables(phase) and phase.gate.validator is None


def _missing_tasks(requirement: TaskRequirement, own: Collection[GateTask]) -> list[str]:
    complete = {task.name for task in own if task.status is TaskStatus.COMPLETED}
    done = sum(task.status is TaskStatus.COMPLETED for task in own)
    match requirement:
        case "none":
            return []
        case "all_complete":
            return _incomplete(len(own) - done)
        case MinComplete(wanted):
            return _incomplete(wanted - done)
        case NamedTasks(names):
            return [f"Task: {name}" for name in names if name not in complete]


def _incomplete(count: int) -> list[str]:
    return [f"{count} tasks incomplete"] if count > 0 else []


def _missing_validation(gate: Gate, validated: bool | None, objection: str | None) -> list[str]:
    if gate.validator is None or validated:
        return []
    return [f"Validator: {gate.validator}" + (f" ({objection})" if objection else "")]
