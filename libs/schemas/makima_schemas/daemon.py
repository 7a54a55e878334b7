"""The daemon: its commands and events. Stream: `daemon-<daemon_id>`."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from makima_schemas.evidence import Arrival, Evidence, VerdictEvidence
from makima_schemas.identity import ID_PATTERN

Id = Annotated[str, Field(pattern=ID_PATTERN)]


@dataclass(frozen=True, slots=True)
class DaemonAdmitted:
    """A token was made for the daemon, for the contracts of `owner` (null: of every owner).

    The newest one holds. A daemon without one is known from before there were any, and serves every owner.
    """

    daemon_id: str
    owner: str | None


@dataclass(frozen=True, slots=True)
class DaemonConnected:
    """The daemon's first heartbeat, or the first one after a disconnect; `heard` is that heartbeat.

    `hostname` is empty as long as only heartbeats of its supervisors have arrived.
    """

    hostname: str
    heard: Arrival | None = None


@dataclass(frozen=True, slots=True)
class DaemonDisconnected:
    """The daemon's heartbeats stopped, and the detector's verdict was accepted."""

    evidence: Evidence


DaemonEvent = DaemonAdmitted | DaemonConnected | DaemonDisconnected


@dataclass(frozen=True, slots=True)
class AdmitDaemon:
    """Sent by the gateway when a token is made for the daemon. `owner` null: it serves every owner."""

    daemon_id: Id
    owner: Id | None = None


@dataclass(frozen=True, slots=True)
class ObserveDaemon:
    """Sent by the recorder for a heartbeat that may change the daemon's state in the log."""

    hostname: str
    heard: Arrival


@dataclass(frozen=True, slots=True)
class DeclareDisconnected:
    """The detector's verdict: no heartbeat of the daemon arrived after the one at
    `evidence.stream_sequence`.
    """

    evidence: VerdictEvidence


DaemonCommand = AdmitDaemon | ObserveDaemon | DeclareDisconnected
