"""Request and response schemas of agents: their records, joins, heartbeats and verdicts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal, cast, get_args

from makima_schemas import heartbeat
from makima_schemas.agent import (
    AgentStatus,
    Id,
    Reason,
)
from msgspec import Meta
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict

from makima_gateway.api.schemas.senders import SenderName, SenderSequence
from makima_gateway.http.bodies import Body, Text

OldStatus = Literal["active", "waiting"]  # of readers and senders from before `agent_status`
Answer = Literal["ok", "rejoin_required", "superseded"]


@dataclass(frozen=True, slots=True)
class AgentTask:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class AgentRestarts:
    """Restart number `attempts` in a row, of the `of` that its daemon tries before it gives up."""

    attempts: int
    of: int
    next_at: datetime | None  # when its process is started; null: it is not `restarting`


@dataclass(frozen=True, slots=True)
class BeatStrip:
    """One character for each interval of `step_seconds` up to `to`, the newest last: `1` a heartbeat on time, `l` a
    late one, `0` none, `|` a new connection, `-` not joined yet, or left.
    """

    to: datetime  # up to which every heartbeat is recorded, by the broker's clock
    step_seconds: float
    slots: str


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent: one role of one contract. That of the role `supervisor` is derived from the supervisor.

    `status`, `ready_until` and `is_expired` are for older readers.
    """

    contract_id: str
    role: str
    agent_status: AgentStatus
    status: OldStatus  # `active`: it works
    # its last heartbeat, or its join if that is later, and the timeout, or the silence that it announced if that is longer;
    # null: no heartbeat is expected of it
    ready_until: datetime | None
    is_expired: bool  # true: declared dead
    stuck: bool  # alive, at work, and without progress for too long
    progress_at: datetime | None  # when it last told progress, as far as it is known
    connection_id: str | None  # in force; null: it never joined
    daemon_id: str | None  # the daemon that runs it; null: none
    since: datetime  # of its status
    evidence: dict[str, object] | None  # of the verdict that gave it its status
    contract_name: str | None  # null: as it was at another time
    # arrival of its last heartbeat at the broker; of the dead as the verdict's evidence has it; null: not known
    last_heartbeat_at: datetime | None
    interval_seconds: float  # between two heartbeats
    timeout_seconds: float  # after so long without one it is declared dead
    # until when its latest heartbeat announced silence, as long as it may be; null: it did not, or it is not known
    quiet_until: datetime | None
    activity: str | None  # as its latest heartbeat says, like the next two
    progress: int | None  # percent
    child: dict[str, object] | None  # the process that it waits for
    task: AgentTask | None  # that its connection has claimed or works on; null: none
    restarts: AgentRestarts | None  # after its newest crash; null: its daemon told of none
    # why a restart would be refused, as its contract is; null: the contract allows it, or this is another time
    restart_refused: str | None = None
    beats: BeatStrip | None = None  # null: not asked for (`beats=60`), or the recorder did not answer


@dataclass(frozen=True, slots=True)
class Team:
    """`expected_roles`: of unfinished tasks, and those that joined and did not leave. `missing_roles`: those of them
    without an agent that is ready, working or restarting.
    """

    ready: bool  # none is missing
    expected_roles: list[str]
    missing_roles: list[str]


@dataclass(frozen=True, slots=True)
class Agents:
    """The agents of a contract, by role, without those that were cleaned up; at most 500."""

    agents: list[Agent]
    team: Team


@dataclass(frozen=True, slots=True)
class AgentPage:
    """`counts` and `stuck` are of everything that the caller sees, `total` of what matches the filters."""

    items: list[Agent]
    next_cursor: str | None
    total: int
    counts: dict[str, int]  # by status
    stuck: int


@dataclass(frozen=True, slots=True)
class AgentBeat:
    """A recorded heartbeat."""

    timestamp: str  # its arrival at the broker
    activity: str | None
    progress: int | None  # percent
    connection_id: str | None


@dataclass(frozen=True, slots=True)
class AgentBeats:
    heartbeats: list[AgentBeat]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict, as the log has it, with the evidence that it was reached on."""

    at: datetime
    position: int
    stream: str
    event: str
    old_status: str
    new_status: str
    connection_id: str | None
    evidence: dict[str, object]


@dataclass(frozen=True, slots=True)
class Verdicts:
    verdicts: list[Verdict]


class LifeStep(BaseModel):
    """A change of an agent's status, or a new connection of it."""

    at: datetime
    old: AgentStatus = Field(alias="from")
    to: AgentStatus
    trigger: str = Field(description="e.g. `join`, `heartbeat`, `timeout`")
    actor: str | None = Field(description="who sent the command")
    connection_id: str | None = Field(description="in force after it")
    position: int
    evidence: dict[str, object] | None = Field(description="of a verdict")


class Life(BaseModel):
    """Newest first."""

    items: list[LifeStep]


@dataclass(frozen=True, slots=True)
class SenderAnswer:
    """How often to send heartbeats, and whether this one counted.

    `rejoin_required`: join again under the same connection id. `superseded`: a newer process took over: stop.
    """

    status: Answer
    interval_seconds: float
    timeout_seconds: float  # after so long without a heartbeat it is declared dead


@dataclass(frozen=True, slots=True)
class AgentRestartAsked:
    """A restart was requested from the daemon `daemon_id`."""

    contract_id: str
    role: str
    daemon_id: str | None
    reason: str | None


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text cannot hold the character U+0000")
    return text


StorableReason = Annotated[Reason, AfterValidator(_storable)]
_PROGRESS: Final = cast("Meta", get_args(heartbeat.Percent)[1])
_Progress = Annotated[int, Strict(), Field(ge=cast("int", _PROGRESS.ge), le=cast("int", _PROGRESS.le))]
_Activity = Annotated[Text, Field(max_length=heartbeat.MAX_ACTIVITY)]


class ChildProcess(Body):
    """The process that the agent waits for."""

    model_config = ConfigDict(extra="ignore")

    pid: Annotated[int, Strict(), Field(ge=0, le=heartbeat.MAX_PID)] | None = None
    command: SenderName = ""
    cpu_seconds: Annotated[float, Field(ge=0, le=heartbeat.MAX_CPU_SECONDS)] | None = None


class AgentHeartbeatRequest(Body):
    """A join, or an agent's heartbeat, as it fits; only `connection_id` must.

    It has the members and the limits of the heartbeat schema on the bus. Unknown members are ignored.
    """

    model_config = ConfigDict(extra="ignore")

    connection_id: Id
    daemon_id: Id | None = Field(None, description="default: the caller's, or the one that it joined with")
    seq: SenderSequence | None = Field(None, description="default: counted by the gateway")
    timestamp: datetime | None = Field(
        None, description="of the sender's clock, from which only `quiet_until` is counted; default: now"
    )
    activity: _Activity | None = None
    progress: _Progress | None = Field(None, description="percent")
    child: ChildProcess | None = None
    quiet_until: datetime | None = Field(
        None, description="until when no heartbeat is to be expected, by the sender's clock"
    )


class SupervisorHeartbeatRequest(Body):
    """A supervisor's heartbeat, as it fits; only `state` must.

    It has the members and the limits of the heartbeat schema on the bus. Unknown members are ignored.
    """

    model_config = ConfigDict(extra="ignore")

    task_id: Id | None = Field(None, description="default: the one of the contract's supervisor")
    contract_id: Id | None = Field(None, description="default: the one of the path")
    daemon_id: Id | None = Field(None, description="default: the caller's, or the contract's")
    state: Literal[
        "initializing",
        "idle",
        "working",
        "waiting_for_user",
        "waiting_for_tasks",
        "blocked",
        "completed",
        "failed",
    ]
    phase: SenderName = ""
    current_activity: _Activity = ""
    progress: _Progress = Field(0, description="percent")
    pending_task_ids: Annotated[tuple[Id, ...], Field(max_length=heartbeat.MAX_PENDING_TASKS)] = ()
    connection_id: Id | None = None
    seq: SenderSequence | None = None
    timestamp: datetime | None = Field(
        None, description="of the sender's clock, from which only `quiet_until` is counted; default: now"
    )
    quiet_until: datetime | None = Field(
        None, description="until when no heartbeat is to be expected, by the sender's clock"
    )


class AgentLeave(Body):
    """`connection_id` null: the agent's daemon speaks, of whichever connection is in force."""

    connection_id: Id | None = None


class AgentRestart(Body):
    """A request to restart an agent."""

    reason: StorableReason | None = None
