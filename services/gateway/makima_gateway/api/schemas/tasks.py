"""Request and response schemas of tasks."""

from dataclasses import dataclass
from datetime import datetime

from makima_schemas.contract.model import Id, TaskStatus

from makima_gateway.http.bodies import Body, Flag, Text, Title


@dataclass(frozen=True, slots=True)
class Task:
    id: str
    contract_id: str
    name: str
    phase: str
    role: str | None  # the role that has claimed the task, or that it waits for; null: any role
    is_supervisor: bool  # True: this is the task that drives the contract
    plan: str | None
    status: TaskStatus
    connection_id: str | None  # the agent's process that works on it
    result: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TaskPage:
    items: list[Task]
    next_cursor: str | None


class NewTask(Body):
    """A task to create."""

    name: Title
    phase: Text | None = None  # null: the contract's current phase
    role: Id | None = None  # null: any role may claim it
    plan: Text | None = None


class Claim(Body):
    """An agent of `role` claims a task."""

    role: Id
    connection_id: Id | None = None


class TaskActionRequest(Body):
    """Body of start and release.

    `connection_id` null: the caller is the daemon or a person, not an agent's process.
    """

    connection_id: Id | None = None


class TaskDone(Body):
    """A task completed (`success`) or failed."""

    success: Flag
    result: Text | None = None
    connection_id: Id | None = None


class HandOff(Body):
    """Complete the task and create another one for `to_role`."""

    to_role: Id
    result: Text | None = None
    connection_id: Id | None = None
