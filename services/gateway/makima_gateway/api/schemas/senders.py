"""Request and response schemas of supervisors and daemons (the senders of heartbeats)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, cast, get_args, get_type_hints

from makima_schemas import heartbeat
from msgspec import Meta
from pydantic import ConfigDict, Field, Strict

from makima_gateway.http.bodies import Body, Text


@dataclass(frozen=True, slots=True)
class SupervisorStatus:
    """A supervisor's state from the log and from its latest heartbeat.

    `activity` and `current_activity` have the same value: clients use both names.
    """

    task_id: str
    state: str
    phase: str
    current_activity: str | None
    activity: str | None
    progress: int | None  # percent
    last_heartbeat: datetime | None  # when the broker received it; null: none is known
    pending_task_ids: list[str]
    alive: bool  # False: completed, failed or silent
    stuck: bool  # alive, at work, and without progress for too long


@dataclass(frozen=True, slots=True)
class RestartAsked:
    """A restart was requested from the daemon `daemon_id`.

    The supervisor is running again at its next heartbeat.
    """

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
    connected: bool  # False: the recorder found it silent (DaemonDisconnected)
    # when the broker received it; null: none since this gateway process began
    last_heartbeat: datetime | None
    agents: list[str]  # `<contract id>:<agent>`, as its latest heartbeat named them
    worktrees: int  # number of worktrees that it holds
    capacity: int  # number of agents that it can run


@dataclass(frozen=True, slots=True)
class DaemonBeat(Daemon):
    """The daemon as its heartbeat told it, and how often to send one."""

    interval_seconds: float
    timeout_seconds: float  # after so long without a heartbeat it counts as disconnected


@dataclass(frozen=True, slots=True)
class DaemonPage:
    items: list[Daemon]
    next_cursor: str | None


def _bounds(annotated: object) -> Meta:
    """The limits of a member of the heartbeat schema."""
    return cast("Meta", get_args(annotated)[1])


_NAME: Final = _bounds(heartbeat.Name)


_COUNT: Final = _bounds(heartbeat.Count)


_AGENTS: Final = _bounds(get_type_hints(heartbeat.DaemonHeartbeat, include_extras=True)["agents"])


SenderName = Annotated[Text, Field(max_length=_NAME.max_length)]


SenderCount = Annotated[int, Strict(), Field(ge=cast("int", _COUNT.ge), le=cast("int", _COUNT.le))]


SenderSequence = Annotated[int, Strict(), Field(ge=0, le=heartbeat.MAX_SEQUENCE)]


class Restart(Body):
    """A request to restart a supervisor."""

    reason: Text | None = None


class DaemonHeartbeatRequest(Body):
    """A daemon's heartbeat, as it fits; only `daemon_id` must, which is the one of the path.

    It has the members and the limits of the heartbeat schema on the bus. Unknown members are ignored.
    """

    model_config = ConfigDict(extra="ignore")

    daemon_id: str | None = Field(None, description="default: the one of the path")
    hostname: SenderName = Field("", description="default: the daemon's id")
    seq: SenderSequence | None = Field(None, description="default: counted by the gateway")
    timestamp: datetime | None = Field(
        None, description="of the sender's clock, which nobody reads; default: now"
    )
    agents: Annotated[tuple[SenderName, ...], Field(max_length=_AGENTS.max_length)] = ()
    worktrees: SenderCount = 0
    capacity: SenderCount = 0
