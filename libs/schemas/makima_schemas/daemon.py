"""The daemon: its commands and events. Stream: `daemon-<daemon_id>`."""

from dataclasses import dataclass

from makima_schemas.evidence import Evidence


@dataclass(frozen=True, slots=True)
class DaemonConnected:
    hostname: str


@dataclass(frozen=True, slots=True)
class DaemonDisconnected:
    evidence: Evidence


DaemonEvent = DaemonConnected | DaemonDisconnected


@dataclass(frozen=True, slots=True)
class ObserveDaemon:
    """The recorder saw a heartbeat of a daemon that the log does not call connected."""

    hostname: str
    stream_sequence: int


@dataclass(frozen=True, slots=True)
class DeclareDisconnected:
    evidence: Evidence


DaemonCommand = ObserveDaemon | DeclareDisconnected
