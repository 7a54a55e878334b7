"""Response schemas of the system: its replicas, thresholds and dead letters."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from makima_gateway.api.schemas.maintenance import MaintenanceWindow
from makima_gateway.system.holds import DetectorHold


@dataclass(frozen=True, slots=True)
class ReplicaView:
    """One process of a service.

    `failing`: what it lacks itself, so that it is not ready, by check. `shared`: what all replicas lack.
    `lag_events`: events that it has yet to apply, by consumer. One that stopped answering is shown for five more
    minutes, not ready, with the check `answer`.
    """

    id: str
    pid: int
    host: str
    since: datetime
    version: str
    ready: bool
    failing: dict[str, str]
    shared: dict[str, str]
    warnings: dict[str, str]
    lag_events: dict[str, float]


@dataclass(frozen=True, slots=True)
class ServiceView:
    name: str
    ready: bool  # at least one replica is
    replicas: list[ReplicaView]


@dataclass(frozen=True, slots=True)
class DetectorView:
    """Of the replica of the stale-detector that sees least. `holds`: of owners whose verdicts are held back."""

    score: float | None
    tracked: int | None
    watermark_age_seconds: float | None
    holds: list[DetectorHold]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A setting that decides. `set_by`: its default, or the settings (file, environment, flags)."""

    value: float
    unit: str
    set_by: Literal["default", "settings"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """By the setting's name."""

    thresholds: dict[str, Threshold]


@dataclass(frozen=True, slots=True)
class QuietSender:
    """An agent, or a supervisor (by its role), that announced to be silent until `until`: before, no verdict is given on
    it. `since`: its last heartbeat.
    """

    contract_id: str
    contract_name: str | None
    role: str
    daemon_id: str | None
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class System:
    """The installation as it is now. `epoch` identifies the log, `position` is its last event. `disk_free`: bytes, where
    Postgres and the broker have their data; null: this gateway does not run beside them, or cannot look. Silence is
    expected of the scopes of `maintenance`, and of those in `quiet`: at most 100, whose time ends first; `quiet_total` are
    all, as far as this gateway has heard them since it began.
    """

    position: int
    epoch: str
    relay_lag: float | None
    disk_free: int | None
    open_sockets: int
    services: list[ServiceView]
    detector: DetectorView
    maintenance: list[MaintenanceWindow]
    quiet: list[QuietSender]
    quiet_total: int
    thresholds: dict[str, Threshold]
    flags: dict[str, bool]


@dataclass(frozen=True, slots=True)
class DeadLetterView:
    """A message that could not be processed.

    `stream`, `consumer`, `sequence`, `subject`: where it came from and who could not process it. `sender`:
    `<kind>:<id>`, null if it could not be told. `excerpt`: the beginning of its payload, with escapes for what is
    not printable. `deliveries`: how often its consumer got it before it gave up, null if that is not known; what cannot be
    read is given up at once. `retry_until`: until when it may be sent again, null if that would not help.
    """

    id: str
    stream: str
    consumer: str
    sequence: int | None
    subject: str
    reason: str
    sender: str | None
    first_at: datetime
    deliveries: int | None
    excerpt: str
    truncated: bool
    retry_until: datetime | None


@dataclass(frozen=True, slots=True)
class RetriedDeadLetter:
    """Where the message lies now."""

    stream: str
    sequence: int


@dataclass(frozen=True, slots=True)
class DeadLetterPage:
    items: list[DeadLetterView]
    next_cursor: str | None
