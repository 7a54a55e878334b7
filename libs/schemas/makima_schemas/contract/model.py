"""The types in a contract's commands and events: statuses, phases, gates, task and question kinds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field, Strict

from makima_schemas.identity import ID_PATTERN

Id = Annotated[str, Field(pattern=ID_PATTERN)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Count = Annotated[int, Strict(), Field(ge=0)]
MAX_SECONDS: Final = 10 * 366 * 24 * 3600  # ten years
Seconds = Annotated[int, Strict(), Field(ge=1, le=MAX_SECONDS)]


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


# Agents work, or wait for an answer.
RUNNING_STATUSES: Final = (ContractStatus.ACTIVE, ContractStatus.WAITING_FOR_INPUT)
# Something happens without anybody asking for it: the detectors watch these. Completing, too, until the
# worktrees are cleaned up.
ACTIVE_STATUSES: Final = (*RUNNING_STATUSES, ContractStatus.COMPLETING)
# The work is over; the contract can be reopened or archived.
FINISHED_STATUSES: Final = (ContractStatus.COMPLETED, ContractStatus.FAILED)
# The work is over, archived or not.
TERMINAL_STATUSES: Final = (*FINISHED_STATUSES, ContractStatus.ARCHIVED)
# Agents and supervisors are judged alive or dead there, as everywhere, and restarted by nobody.
NOT_RESTARTED_STATUSES: Final = (ContractStatus.PAUSED,)


class TaskStatus(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


WaitingFor = Literal["question", "phase_confirmation"]
QuestionType = Literal["text", "choice", "confirm"]
CompletedBy = Literal["cleanup_done", "cleanup_deadline", "no_worktrees", "request"]

# `first_heard`: nobody had it. `taken_over`: of logs before restorations; its daemon's supervisor had ended or fallen
# silent. `placed` and `restored`: by the supervisor-heartbeat service.
AssignedBecause = Literal["first_heard", "taken_over", "placed", "restored"]

Version = Annotated[int, Strict(), Field(ge=0, lt=2**63)]  # of a stream

# Why a task is `pending` again: another process of its role joined; the agent left; its restarts are exhausted; it
# has been dead, or offline, for `task_claimed_timeout_seconds`.
ReturnReason = Literal[
    "agent_superseded", "agent_left", "agent_dead_failed_revive", "agent_dead", "agent_offline"
]
# `pending`: the supervisor is silent.
SupervisorTaskStatus = Literal["pending", "running", "completed", "failed"]


@dataclass(frozen=True, slots=True)
class MinComplete:
    """Requires that at least this many of the phase's tasks are complete; at most 100000 in a new contract."""

    min_complete: Count


@dataclass(frozen=True, slots=True)
class NamedTasks:
    """Requires that the phase's tasks with these names are complete."""

    named: tuple[Name, ...]


TaskRequirement = Literal["none", "all_complete"] | MinComplete | NamedTasks


@dataclass(frozen=True, slots=True)
class Deliverable:
    id: Id
    name: Name


@dataclass(frozen=True, slots=True)
class Gate:
    """What a phase requires before it is ready (plan 2.1).

    `required_deliverables` null means all that the phase declares. `validator` is the name of an installed
    validator. `auto_advance` false means that the contract does not leave the phase by itself.
    """

    required_deliverables: tuple[Id, ...] | None = None
    required_tasks: TaskRequirement = "all_complete"
    validator: Name | None = None
    auto_advance: Annotated[bool, Strict()] = True


@dataclass(frozen=True, slots=True)
class Phase:
    name: Id
    deliverables: tuple[Deliverable, ...] = ()
    gate: Gate = Gate()
