"""The heartbeats as senders publish them; msgspec structs, because 30 000 per second are normal.

Decoding checks the bounds. What a sender says within them is kept as it is; what violates one is cut or dropped
where it only tells about the work, and refused where it says who speaks (`heartbeat_reader`). Unknown members
are ignored, so that a newer sender works with an older recorder.
"""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from makima_schemas.supervisor import SupervisorState

MAX_HEARTBEAT_BYTES: Final = 64 * 1024
MAX_ACTIVITY: Final = 2000  # characters
MAX_NAME: Final = 255  # characters
MAX_AGENTS: Final = 128  # of a daemon, that it names
MAX_PENDING_TASKS: Final = 256
MAX_COUNT: Final = 1_000_000
MAX_SEQUENCE: Final = 2**63 - 1
MAX_PID: Final = 2**31 - 1
MAX_CPU_SECONDS: Final = 1_000_000_000

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(max_length=MAX_NAME)]
Text = Annotated[str, Meta(max_length=MAX_ACTIVITY)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Sequence = Annotated[int, Meta(ge=0, le=MAX_SEQUENCE)]
Moment = Annotated[datetime, Meta(tz=True)]
Pid = Annotated[int, Meta(ge=0, le=MAX_PID)]
CpuSeconds = Annotated[float, Meta(ge=0, le=MAX_CPU_SECONDS)]


class SupervisorHeartbeat(msgspec.Struct, frozen=True, gc=False):
    """A supervisor's heartbeat (plan 3.2).

    `connection_id` and `seq` are optional. Without `connection_id` an older incarnation is not fenced off,
    without `seq` heartbeats are ordered by their arrival. `state` must not be `interrupted`, which only the
    system sets, for a silent supervisor. `timestamp` is not stored, because the arrival at the broker counts.
    `progress` is in percent.
    """

    task_id: Id
    contract_id: Id
    state: SupervisorState
    phase: Id
    timestamp: Moment
    current_activity: Text = ""
    progress: Percent = 0
    pending_task_ids: Annotated[tuple[Id, ...], Meta(max_length=MAX_PENDING_TASKS)] = ()
    connection_id: Id | None = None
    seq: Sequence | None = None
    quiet_until: Moment | None = None


class ChildProcess(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The process that an agent waits for. `cpu_seconds` is the processor time that it has used, with its children:
    while that grows, the agent gets on.
    """

    pid: Pid | None = None
    command: Name = ""
    cpu_seconds: CpuSeconds | None = None


class AgentHeartbeat(msgspec.Struct, frozen=True, gc=False):
    """An agent's heartbeat.

    `seq` orders the heartbeats of one `connection_id`. `timestamp` is not stored, because the arrival at the
    broker counts. `progress` is in percent. `quiet_until`, by the same clock as `timestamp`: it may be silent until
    then, as a supervisor may; the difference of the two counts. `child` was once a text: the reader takes it for the
    command.
    """

    contract_id: Id
    role: Id
    connection_id: Id
    seq: Sequence
    timestamp: Moment
    activity: Text | None = None
    progress: Percent | None = None
    child: ChildProcess | None = None
    quiet_until: Moment | None = None


class DaemonHeartbeat(msgspec.Struct, frozen=True, gc=False):
    """A daemon's heartbeat.

    `agents` are the agents it runs, `capacity` is the number of agents it may still start, `worktrees` the
    number of worktrees it has on disk. `hostname` must not be empty: the recorder uses an empty one for a
    daemon that it knows only from a supervisor's heartbeat, and which does not count as reconnected by that.
    """

    daemon_id: Id
    hostname: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
    seq: Sequence
    timestamp: Moment
    agents: Annotated[tuple[Name, ...], Meta(max_length=MAX_AGENTS)] = ()
    worktrees: Count = 0
    capacity: Count = 0
