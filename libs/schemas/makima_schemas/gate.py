"""Decides whether a phase is ready (plan 2.1).

One pure function, used by the contract, the completion-detector and the gateway's readiness page.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from makima_schemas.contract.model import MinComplete, NamedTasks, Phase, TaskRequirement, TaskStatus


class GateTask(Protocol):
    """The properties of a task that a gate reads."""

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
    """The result for one phase."""

    # `no_gate`: the phase requires nothing. It counts as ready, but the contract does not leave it by itself.
    kind: Literal["ready", "not_ready", "no_gate"]
    # E.g. `Deliverable: plan-document`, `1 tasks incomplete`, `Validator: lint`, or, after the validator has
    # refused, `Validator: lint (two warnings)`.
    missing: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """True if the phase may be left."""
        return self.kind != "not_ready"

    @property
    def by_gate(self) -> bool:
        """True if the gate requires something and has it.

        Only then may the contract leave the phase by itself.
        """
        return self.kind == "ready"


def required_deliverables(phase: Phase) -> tuple[str, ...]:
    """The ids of the deliverables that the gate requires: by default all that the phase declares."""
    if phase.gate.required_deliverables is not None:
        return phase.gate.required_deliverables
    return tuple(deliverable.id for deliverable in phase.deliverables)


def readiness(
    phase: Phase,
    delivered: Collection[str],
    tasks: Iterable[GateTask],
    validated: bool | None,
    objection: str | None = None,
) -> Readiness:
    """Checks the gate of `phase`.

    `delivered`: the ids of this phase's completed deliverables. `tasks`: all tasks of the contract in the
    order of their creation; those of other phases and the supervisor task are ignored. A failed task counts
    as incomplete, unless a later task of the same name replaces it. `validated`: the last result of the
    gate's validator since the phase was entered, None if there is none. `objection`: the reason that the
    validator gave when it refused.
    """
    own = _counting([task for task in tasks if task.phase == phase.name and not task.is_supervisor])
    if _requires_nothing(phase, own):
        return Readiness("no_gate")
    found = _conditions(phase, delivered, own, validated)
    missing = tuple(_missing(each, objection) for each in found if not each.met)
    return Readiness("not_ready", missing) if missing else Readiness("ready")


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that a gate requires."""

    kind: Literal["deliverable", "tasks", "task", "validator"]
    id: str  # of the deliverable, the task's name, or the validator's
    name: str  # in words: of several tasks, how many of how many are done
    met: bool
    undone: int = 0  # of several tasks: how many are still to be done


def conditions(
    phase: Phase, delivered: Collection[str], tasks: Iterable[GateTask], validated: bool | None
) -> tuple[Condition, ...]:
    """Everything that the gate of `phase` requires, met or not; those that are not met are `Readiness.missing`."""
    own = _counting([task for task in tasks if task.phase == phase.name and not task.is_supervisor])
    return _conditions(phase, delivered, own, validated)


def _conditions(
    phase: Phase, delivered: Collection[str], own: Collection[GateTask], validated: bool | None
) -> tuple[Condition, ...]:
    return (
        *(Condition("deliverable", each, each, each in delivered) for each in required_deliverables(phase)),
        *_task_conditions(phase.gate.required_tasks, own),
        *(
            Condition("validator", name, f"validator {name}", bool(validated))
            for name in (phase.gate.validator,)
            if name is not None
        ),
    )


def _task_conditions(requirement: TaskRequirement, own: Collection[GateTask]) -> list[Condition]:
    complete = {task.name for task in own if task.status is TaskStatus.COMPLETED}
    done = sum(task.status is TaskStatus.COMPLETED for task in own)
    match requirement:
        case "none":
            return []
        case "all_complete":
            return [_number(done, len(own))] if own else []
        case MinComplete(wanted):
            return [_number(done, wanted)] if wanted else []
        case NamedTasks(names):
            return [Condition("task", name, name, name in complete) for name in names]


def _number(done: int, wanted: int) -> Condition:
    undone = max(0, wanted - done)
    return Condition("tasks", "tasks", f"{wanted - undone} of {wanted} tasks", undone == 0, undone)


def _counting(own: Sequence[GateTask]) -> list[GateTask]:
    """The tasks without failed ones that a later task of the same name replaces (decision 0010)."""
    last = {task.name: index for index, task in enumerate(own)}
    return [
        task
        for index, task in enumerate(own)
        if task.status is not TaskStatus.FAILED or last[task.name] == index
    ]


def _requires_nothing(phase: Phase, own: Collection[GateTask]) -> bool:
    """True if the gate has no requirement.

    `all_complete` requires nothing if there are no tasks: a phase that declares nothing must not be left
    before its first task is created.
    """
    tasks = phase.gate.required_tasks
    idle = tasks in ("none", MinComplete(0), NamedTasks(())) or (tasks == "all_complete" and not own)
    return idle and not required_deliverables(phase) and phase.gate.validator is None


def _missing(condition: Condition, objection: str | None) -> str:
    """What is missing, in the words of `Readiness.missing`."""
    match condition.kind:
        case "deliverable":
            return f"Deliverable: {condition.id}"
        case "task":
            return f"Task: {condition.id}"
        case "tasks":
            return f"{condition.undone} tasks incomplete"
        case "validator":
            return f"Validator: {condition.id}" + (f" ({objection})" if objection else "")
