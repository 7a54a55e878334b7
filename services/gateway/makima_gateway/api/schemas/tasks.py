"""What the routes of tasks take and answer."""

from dataclasses import dataclass
from datetime import datetime

from makima_schemas.contract.model import Id, TaskStatus

from makima_gateway.http.bodies import Body, Text, Title


@dataclass(frozen=True, slots=True)
class Task:
    id: str
    contract_id: str
    name: str
    phase: str
    role: str | None
    is_supervisor: bool
    plan: str | None
    status: TaskStatus
    connection_id: str | None
    result: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TaskPage:
    items: list[Task]
    next_cursor: str | None


class NewTask(Body):
    name: Title
    phase: Text | None = None
    role: Id | None = None
    plan: Text | None = None


class Claim(Body):
    role: Id
    connection_id: Text | None = None


class TaskActionRequest(Body):
    """Of start and release; no connection: the daemon or a person speaks."""

    connection_id: Text | None = None


class TaskDone(Body):
    success: bool
    result: Text | None = None
    connection_id: Text | None = None


class HandOff(Body):
    """Completes the task and makes one for `to_role`."""

    to_role: Id
    result: Text | None = None
    connection_id: Text | None = None
