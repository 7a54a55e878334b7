"""What the routes of supervisors and daemons take and answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, cast, get_args, get_type_hints

from makima_schemas import heartbeat
from msgspec import Meta
from pydantic import Field

from makima_gateway.http.bodies import Body, Text


@dataclass(frozen=True, slots=True)
class SupervisorStatus:
    """`activity` and `current_activity` say the same: both names are in use."""

    task_id: str
    state: str
    phase: str
    current_activity: str | None
    activity: str | None
    progress: int | None
    last_heartbeat: datetime | None
    pending_task_ids: list[str]
    alive: bool
    stuck: bool


@dataclass(frozen=True, slots=True)
class RestartAsked:
    """Of which daemon; the supervisor is back with its next heartbeat."""

    task_id: str
    daemon_id: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    timestamp: str
    state: str
    activity: str
    progress: int
    phase: str


@dataclass(frozen=True, slots=True)
class Heartbeats:
    heartbeats: list[Heartbeat]


@dataclass(frozen=True, slots=True)
class Daemon:
    id: str
    hostname: str
    connected: bool
    last_heartbeat: datetime | None
    agents: list[str]
    worktrees: int
    capacity: int


@dataclass(frozen=True, slots=True)
class DaemonPage:
    items: list[Daemon]
    next_cursor: str | None


def _bounds(annotated: object) -> Meta:
    return cast("Meta", get_args(annotated)[1])


_NAME: Final = _bounds(heartbeat.Name)


_COUNT: Final = _bounds(heartbeat.Count)


_AGENTS: Final = _bounds(get_type_hints(heartbeat.DaemonHeartbeat, include_extras=True)["agents"])


SenderName = Annotated[Text, Field(max_length=_NAME.max_length)]


SenderCount = Annotated[int, Field(ge=cast("int", _COUNT.ge), le=cast("int", _COUNT.le))]


class Restart(Body):
    """Of a supervisor."""

    reason: Text | None = None


class DaemonHeartbeatRequest(Body):
    """Bound as a heartbeat is: what its recorder would set aside must not be answered as taken."""

    hostname: SenderName
    agents: Annotated[tuple[SenderName, ...], Field(max_length=_AGENTS.max_length)] = ()
    worktrees: SenderCount = 0
    capacity: SenderCount = 0
