"""Heartbeats, as senders publish them; msgspec structs, because 30 000 a second are normal.

The bounds hold on the way in: what breaks one goes to the dead letters. Members that we do not know are ignored, so that a newer
sender can talk to an older recorder.
"""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from makima_schemas.supervisor import SupervisorState

MAX_HEARTBEAT_BYTES: Final = 64 * 1024
MAX_ACTIVITY: Final = 2000  # characters

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(max_length=255)]
Text = Annotated[str, Meta(max_length=MAX_ACTIVITY)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Sequence = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Moment = Annotated[datetime, Meta(tz=True)]


class SupervisorHeartbeat(msgspec.Struct, frozen=True, gc=False):
    """plan 3.2. `connection_id` and `seq` may be missing: then nothing is fenced, and arrival orders.
    `state` is never `interrupted`: that is the system's word for a silent one. `timestamp` is kept by nobody: arrival counts.
    """

    task_id: Id
    contract_id: Id
    state: SupervisorState
    phase: Id
    timestamp: Moment
    current_activity: Text = ""
    progress: Percent = 0
    pending_task_ids: Annotated[tuple[Id, ...], Meta(max_length=256)] = ()
    connection_id: Id | None = None
    seq: Sequence | None = None


class AgentHeartbeat(msgspec.Struct, frozen=True, gc=False):
    contract_id: Id
    role: Id
    connection_id: Id
    seq: Sequence
    timestamp: Moment
    activity: Text | None = None
    progress: Percent | None = None
    child: Name | None = None
    quiet_until: Moment | None = None


class DaemonHeartbeat(msgspec.Struct, frozen=True, gc=False):
    """`capacity` counts the agents it may still start; `worktrees` those it holds on disk. `hostname` is never empty: that is how
    a supervisor's heartbeat speaks of its daemon, and such a one does not reconnect it.
    """

    daemon_id: Id
    hostname: Annotated[str, Meta(min_length=1, max_length=255)]
    seq: Sequence
    timestamp: Moment
    agents: Annotated[tuple[Name, ...], Meta(max_length=128)] = ()
    worktrees: Count = 0
    capacity: Count = 0
