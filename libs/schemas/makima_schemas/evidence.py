"""The proof that every verdict carries (domain.md, Time and verdicts, 4)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where and when a heartbeat reached the broker: its place in MAKIMA_HEARTBEATS, comparable within one `stream_epoch` only,
    and the broker's time.
    """

    stream_epoch: str
    stream_sequence: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a sender was judged silent.

    `last_heartbeat_at` is the broker's arrival time (null: never heard); `watermark` the time up to which every heartbeat
    that the broker holds was processed when the verdict was given; `lateness_ms` is watermark − deadline, on the observed
    clock; `stream_sequence` the last heartbeat's in MAKIMA_HEARTBEATS (0: never heard), and `stream_epoch` which incarnation of
    that stream it counts in (its metadata's `makima-epoch`; empty: not told).
    """

    last_heartbeat_at: datetime | None
    timeout_seconds: float
    deadline: datetime
    watermark: datetime
    lateness_ms: float
    decided_by: str
    stream_sequence: int = 0
    stream_epoch: str = ""
