"""What the stale-detector found. Streams: `silence-<sender or contract>` and, for holds, `silence-<owner>`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from makima_schemas.evidence import Evidence

SenderKind = Literal["supervisor", "agent", "daemon"]


@dataclass(frozen=True, slots=True)
class SilenceDetected:
    """A verdict that the owner of the sender accepted."""

    sender_kind: SenderKind
    sender_id: str
    contract_id: str | None
    connection_id: str | None
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class MassSilenceSuspected:
    """At least half of the tracked senders would expire within one heartbeat interval: an outage of ours until proven otherwise."""

    tracked: int
    expiring: int


@dataclass(frozen=True, slots=True)
class MassSilenceCleared:
    reason: Literal["heartbeats_resumed", "hold_expired"]


@dataclass(frozen=True, slots=True)
class StaleDetected:
    """One per episode. `stale_seconds` is how long nothing happened when it was found."""

    contract_id: str
    last_activity_at: datetime
    threshold_seconds: float
    stale_seconds: float


@dataclass(frozen=True, slots=True)
class StaleCleared:
    contract_id: str


SilenceEvent = SilenceDetected | MassSilenceSuspected | MassSilenceCleared | StaleDetected | StaleCleared
