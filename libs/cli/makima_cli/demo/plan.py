"""The supervisor's decisions about the tasks of a phase: which to create, and when to give up. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from makima_schemas.contract.model import TaskStatus
from makima_sdk.models import Task

from makima_cli.demo.scenarios import Step

MAX_TASK_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Try:
    """A task to create."""

    step: Step
    key: str  # idempotency key, so that a restarted supervisor does not create the same task twice


@dataclass(frozen=True, slots=True)
class GiveUp:
    """A person has to say what becomes of the contract."""

    reason: str


def next_steps(phase: str, steps: Sequence[Step], tasks: Sequence[Task]) -> Sequence[Try] | GiveUp:
    """What is missing of `steps` in `phase`, including what is tried again; `GiveUp` if one failed
    `MAX_TASK_ATTEMPTS` times. `tasks`: those of the phase.
    """
    failures = Counter(task.name for task in tasks if task.status is TaskStatus.FAILED)
    for step in steps:
        if failures[step.name] >= MAX_TASK_ATTEMPTS:
            return GiveUp(f"{step.name}: failed {MAX_TASK_ATTEMPTS} times")
    hopeful = {task.name for task in tasks if task.status is not TaskStatus.FAILED}
    every = Counter(task.name for task in tasks)
    return [
        Try(step, f"{phase}/{step.name}/{every[step.name]}") for step in steps if step.name not in hopeful
    ]


def are_done(steps: Sequence[Step], tasks: Sequence[Task]) -> bool:
    """True if each of the steps has a completed task."""
    done = {task.name for task in tasks if task.status is TaskStatus.COMPLETED}
    return done.issuperset(step.name for step in steps)
