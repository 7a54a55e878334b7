"""The supervisor's decisions about the tasks of a phase: which to create, and when to give up. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from makima_schemas.contract.model import TaskStatus
from makima_sdk.models import Task

from makima_cli.demo.scenarios import TASKS, task_name

MAX_TASK_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Try:
    """A task to create."""

    name: str
    key: str  # idempotency key, so that a restarted supervisor does not create the same task twice


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The contract must be failed with this reason."""

    reason: str


def next_steps(phase: str, tasks: Sequence[Task], forgiven: frozenset[str]) -> Sequence[Try] | GiveUp:
    """The tasks that are missing in `phase`, including those to try again; `GiveUp` if one failed
    `MAX_TASK_ATTEMPTS` times.

    `forgiven`: ids of failed tasks that do not count, because the contract was reopened after they had
    failed.
    """
    names = [task_name(work, phase) for work in TASKS]
    counted = Counter(task.name for task in failed(tasks) if task.id not in forgiven)
    hopeless = [name for name in names if counted[name] >= MAX_TASK_ATTEMPTS]
    if hopeless:
        last = next(
            task for task in reversed(tasks) if task.name == hopeless[0] and task.status is TaskStatus.FAILED
        )
        return GiveUp(f"{last.name}: failed {MAX_TASK_ATTEMPTS} times, the last time with {last.result}")
    hopeful = {task.name for task in tasks if task.status is not TaskStatus.FAILED}
    every = Counter(task.name for task in tasks)
    return [Try(name, f"{name}/{every[name]}") for name in names if name not in hopeful]


def failed(tasks: Iterable[Task]) -> list[Task]:
    return [task for task in tasks if task.status is TaskStatus.FAILED]
