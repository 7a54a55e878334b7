"""The daemon: its commands and events. Stream: `daemon-<daemon_id>`."""

from dataclasses import dataclass
from datetime import datetime

from makima_schemas.evidence import Evidence


@dataclass(frozen=True, slots=True)
class DaemonConnected:
    """Its first heartbeat, or its return. `hostname` is empty while only its supervisors have spoken; `heard_at` is the broker's arrival time."""

    hostname: str
    heard_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DaemonDisconnected:
    evidence: Evidence


DaemonEvent = DaemonConnected | DaemonDisconnected


@dataclass(frozen=True, slots=True)
class ObserveDaemon:
    """The recorder saw a heartbeat that may change what the log says of a daemon; `heard_at` is the broker's arrival time."""

    hostname: str
    stream_sequence: int
    heard_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeclareDisconnected:
    """The detector's verdict: nothing was heard of the daemon after `evidence.stream_sequence`."""

    evidence: Evidence


DaemonCommand = ObserveDaemon | DeclareDisconnected
