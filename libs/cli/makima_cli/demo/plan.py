"""What a supervisor makes of its phase's tasks: what is still to be tried, and when to give up. Pure."""

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
    """A task to be made; `key` names the intent, so that a restarted supervisor does not plan the same twice."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    reason: str


def next_steps(phase: str, tasks: Sequence[Task], forgiven: frozenset[str]) -> Sequence[Try] | GiveUp:
    """`forgiven`: ids of failed tasks that do not count any more, because the contract was reopened after them."""
    names = [task_name(work, phase) for work in TASKS]
    counted = Counter(task.name for task in failed(tasks) if task.id not in forgiven)
    hopeless = [name for name in names if counted[name] >= MAX_TASK_ATTEMPTS]
    if hopeless:
        last = next(task for task in reversed(tasks) if task.name == hopeless[0] and task.status is TaskStatus.FAILED)
        return GiveUp(f"{last.name}: failed {MAX_TASK_ATTEMPTS} times, the last time with {last.result}")
    hopeful = {task.name for task in tasks if task.status is not TaskStatus.FAILED}
    every = Counter(task.name for task in tasks)
    return [Try(name, f"{name}/{every[name]}") for name in names if name not in hopeful]


def failed(tasks: Iterable[Task]) -> list[Task]:
    return [task for task in tasks if task.status is TaskStatus.FAILED]
