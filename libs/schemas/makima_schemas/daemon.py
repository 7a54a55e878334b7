"""The daemon: its commands and events. Stream: `daemon-<daemon_id>`."""

from dataclasses import dataclass

from makima_schemas.evidence import Arrival, Evidence


@dataclass(frozen=True, slots=True)
class DaemonConnected:
    """Its first heartbeat, or its return; `heard` is that heartbeat. `hostname` is empty while only its supervisors have spoken."""

    hostname: str
    heard: Arrival | None = None


@dataclass(frozen=True, slots=True)
class DaemonDisconnected:
    evidence: Evidence


DaemonEvent = DaemonConnected | DaemonDisconnected


@dataclass(frozen=True, slots=True)
class ObserveDaemon:
    """The recorder saw a heartbeat that may change what the log says of a daemon."""

    hostname: str
    heard: Arrival


@dataclass(frozen=True, slots=True)
class DeclareDisconnected:
    """The detector's verdict: nothing was heard of the daemon after `evidence.stream_sequence`."""

    evidence: Evidence


DaemonCommand = ObserveDaemon | DeclareDisconnected
