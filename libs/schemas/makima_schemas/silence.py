"""The events of the stale-detector's findings, their streams and deterministic ids.

Streams: `silence-<kind>:<id>` of a sender, `silence-<contract_id>` of a contract, `silence-owner:<owner_id>`
for holds. The colon keeps them distinct, because no id contains one. `silence-maintenance` is the one stream of
all maintenance windows.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID, uuid5

from pydantic import AwareDatetime, Field

from makima_schemas.evidence import Evidence

SenderKind = Literal["supervisor", "agent", "daemon"]

_IDS: Final = UUID("5b1d2c1e-6f0a-5a53-9d0b-7c1f3f0e8a21")  # the namespace of the uuid5


def deterministic_id(*parts: object) -> UUID:
    """A command id made from `parts`, so that all replicas send the same command under the same id."""
    return uuid5(_IDS, "|".join(str(part) for part in parts))


def verdict_id(
    sender: str,
    connection_id: str | None,
    stream_epoch: str,
    stream_sequence: int,
    *,
    alive_position: int,
    attempt: int = 0,
) -> UUID:
    """The command id of a verdict: the same for one silence, whichever replica finds it.

    It is made from the sender's last heartbeat, or from the event that made the sender alive
    (`alive_position`) if no heartbeat arrived (`stream_sequence` 0). `sender` is `<kind>:<id>`. `attempt`
    counts, from 0, the verdicts for this silence that the sender's owner declined while it still records the
    sender as alive: a new verdict needs another id, because a command id always gets its first answer.
    """
    last = f"{stream_epoch}/{stream_sequence}" if stream_sequence else f"position/{alive_position}"
    return deterministic_id("verdict", sender, connection_id or "", last, *([attempt] if attempt else []))


# The entity of the one stream of all maintenance windows, and the stream's name.
MAINTENANCE: Final = "maintenance"
MAINTENANCE_STREAM: Final = f"silence-{MAINTENANCE}"
Scope = Annotated[str, Field(pattern=r"^(all|(owner|daemon|contract):[A-Za-z0-9_-]{1,64})$")]
MaintenanceEndedBecause = Literal["request", "until"]


def sender_stream(sender: str) -> str:
    return f"silence-{sender}"


def owner_stream(owner_id: str) -> str:
    """The stream of an owner's holds; `silence-owner:` for daemons and senders of unknown contracts,
    which have no owner.
    """
    return f"silence-owner:{owner_id}"


def contract_stream(contract_id: str) -> str:
    return f"silence-{contract_id}"


@dataclass(frozen=True, slots=True)
class SilenceDetected:
    """A sender is silent: the service that owns the sender accepted the verdict."""

    sender_kind: SenderKind
    sender_id: str
    contract_id: str | None
    connection_id: str | None
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class MassSilenceSuspected:
    """At least half of an owner's failure domains would expire within one heartbeat interval.

    That is taken for an outage of makima itself,
    so verdicts are held back until heartbeats return or the hold expires.
    """

    tracked: int
    expiring: int


@dataclass(frozen=True, slots=True)
class MassSilenceCleared:
    reason: Literal["heartbeats_resumed", "hold_expired"]


@dataclass(frozen=True, slots=True)
class StaleDetected:
    """A contract had no activity for longer than its threshold; recorded once per stale episode.

    `stale_seconds` is the time since the last activity when this was found.
    """

    contract_id: str
    last_activity_at: datetime
    threshold_seconds: float
    stale_seconds: float


@dataclass(frozen=True, slots=True)
class StaleCleared:
    contract_id: str


@dataclass(frozen=True, slots=True)
class MaintenancePlanned:
    """Silence in `scope` will be expected from `starts_at` until `until`; until then each silence counts.

    A second one of the same scope replaces the first. It becomes a `MaintenanceStarted` once `starts_at` is there, on
    the clock of the heartbeats that were read, and is called off by a `MaintenanceEnded`.
    """

    scope: str
    starts_at: datetime
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class MaintenanceStarted:
    """Silence in `scope` is expected until `until`: no verdict meanwhile, and a full timeout for everyone after.

    `scope` is `all`, `owner:<id>`, `daemon:<id>` or `contract:<id>`. A second one of the same scope, while the
    first goes on, replaces its `until` and `reason`; one that was planned has begun, or is replaced.
    """

    scope: str
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class MaintenanceEnded:
    """Ended early on request, or because `until` is over, on the clock of the heartbeats that were read."""

    scope: str
    reason: MaintenanceEndedBecause


SilenceEvent = (
    SilenceDetected
    | MassSilenceSuspected
    | MassSilenceCleared
    | StaleDetected
    | StaleCleared
    | MaintenancePlanned
    | MaintenanceStarted
    | MaintenanceEnded
)


@dataclass(frozen=True, slots=True)
class StartMaintenance:
    """Sent by the gateway for an administrator, who says how long and why."""

    scope: Scope
    until: AwareDatetime
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


@dataclass(frozen=True, slots=True)
class OpenMaintenance:
    """As `StartMaintenance`, but refused where the scope has a window with another end or reason: that is somebody
    else's.
    """

    scope: Scope
    until: AwareDatetime
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


@dataclass(frozen=True, slots=True)
class PlanMaintenance:
    """As `OpenMaintenance`, for a window that begins at `starts_at`. With `replaces` it may change a planned window of the
    scope; one that is open is never planned away.
    """

    scope: Scope
    starts_at: AwareDatetime
    until: AwareDatetime
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class BeginMaintenance:
    """Sent by a detector on whose clock a planned window begins. It changes nothing if the plan is another one meanwhile."""

    scope: Scope
    starts_at: AwareDatetime
    until: AwareDatetime


@dataclass(frozen=True, slots=True)
class EndMaintenance:
    """Sent by the gateway for an administrator; or, with `until`, by a detector on whose clock that is over. Then
    it changes nothing if the maintenance was prolonged meanwhile. A planned one is called off.
    """

    scope: Scope
    until: AwareDatetime | None = None


MaintenanceCommand = StartMaintenance | OpenMaintenance | PlanMaintenance | BeginMaintenance | EndMaintenance
