"""Heartbeats, as senders publish them; msgspec structs, because 30 000 a second are normal."""

from datetime import datetime

import msgspec

from makima_schemas.supervisor import SupervisorState


class SupervisorHeartbeat(msgspec.Struct, frozen=True, gc=False):
    """plan 3.2. `connection_id` and `seq` may be missing: then nothing is fenced, and arrival orders."""

    task_id: str
    contract_id: str
    state: SupervisorState
    phase: str
    timestamp: datetime
    current_activity: str = ""
    progress: int = 0
    pending_task_ids: tuple[str, ...] = ()
    connection_id: str | None = None
    seq: int | None = None


class AgentHeartbeat(msgspec.Struct, frozen=True, gc=False):
    contract_id: str
    role: str
    connection_id: str
    seq: int
    timestamp: datetime
    activity: str | None = None
    progress: int | None = None
    child: str | None = None
    quiet_until: datetime | None = None


class DaemonHeartbeat(msgspec.Struct, frozen=True, gc=False):
    """`capacity` counts the agents it may still start; `worktrees` those it holds on disk."""

    daemon_id: str
    hostname: str
    seq: int
    timestamp: datetime
    agents: tuple[str, ...] = ()
    worktrees: int = 0
    capacity: int = 0
