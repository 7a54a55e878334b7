"""The words of a contract: statuses, phases, gates, task and question kinds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class ContractStatus(StrEnum):
    CREATED = "created"
    ACTIVE = "active"
    WAITING_FOR_INPUT = "waiting_for_input"
    PAUSED = "paused"
    BLOCKED = "blocked"
    COMPLETING = "completing"
    COMPLETED = "completed"
    FAILED = "failed"
    ARCHIVED = "archived"


class TaskStatus(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


WaitingFor = Literal["question", "phase_confirmation"]
QuestionType = Literal["text", "choice", "confirm"]
CompletedBy = Literal["cleanup_done", "cleanup_deadline", "no_worktrees", "request"]


@dataclass(frozen=True, slots=True)
class MinComplete:
    """At least this many of the phase's tasks are complete."""

    min_complete: int


@dataclass(frozen=True, slots=True)
class NamedTasks:
    """The phase's tasks of these names are complete."""

    named: tuple[str, ...]


TaskRequirement = Literal["none", "all_complete"] | MinComplete | NamedTasks


@dataclass(frozen=True, slots=True)
class Deliverable:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Gate:
    """What a phase requires before it is ready (plan 2.1). `required_deliverables` null means all that the phase declares."""

    required_deliverables: tuple[str, ...] | None = None
    required_tasks: TaskRequirement = "all_complete"
    validator: str | None = None
    auto_advance: bool = True


@dataclass(frozen=True, slots=True)
class Phase:
    name: str
    deliverables: tuple[Deliverable, ...] = ()
    gate: Gate = Gate()
