"""What the stale-detector found. Streams: `silence-<kind>:<id>` of a sender, `silence-<contract_id>`, `silence-owner:<owner_id>` for holds.

The colon keeps them apart: it can stand in no id.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID, uuid5

from makima_schemas.evidence import Evidence

SenderKind = Literal["supervisor", "agent", "daemon"]

_IDS: Final = UUID("5b1d2c1e-6f0a-5a53-9d0b-7c1f3f0e8a21")


def deterministic_id(*parts: object) -> UUID:
    """The command id of something that every replica must ask for under the same name."""
    return uuid5(_IDS, "|".join(str(part) for part in parts))


def verdict_id(
    sender: str, connection_id: str | None, stream_epoch: str, stream_sequence: int, *, alive_position: int, attempt: int = 0
) -> UUID:
    """One verdict per silence, whoever finds it: named after the last heartbeat, or after the event that made the sender alive.

    `sender` is `<kind>:<id>`; `stream_sequence` 0 means never heard. `attempt` counts, from 0, the verdicts that the owner did not
    agree with though it went on to call the sender alive: an id gets its first answer for ever.
    """
    last = f"{stream_epoch}/{stream_sequence}" if stream_sequence else f"position/{alive_position}"
    return deterministic_id("verdict", sender, connection_id or "", last, *([attempt] if attempt else []))


def sender_stream(sender: str) -> str:
    return f"silence-{sender}"


def owner_stream(owner_id: str) -> str:
    """Daemons and senders of unknown contracts have no owner: theirs is `silence-owner:`."""
    return f"silence-owner:{owner_id}"


def contract_stream(contract_id: str) -> str:
    return f"silence-{contract_id}"


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
