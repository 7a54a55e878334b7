"""The proof that every verdict carries (domain.md, Time and verdicts, 4)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a sender was judged silent.

    `last_heartbeat_at` is the broker's arrival time (null: never heard); `watermark` the time up to which every heartbeat
    that the broker holds was processed when the verdict was given; `lateness_ms` is watermark − deadline, on the observed
    clock; `stream_sequence` the last heartbeat's in MAKIMA_HEARTBEATS (0: never heard), and `stream_epoch` the moment that
    stream was made, in µs since 1970 (0: not told): sequences compare only within one epoch.
    """

    last_heartbeat_at: datetime | None
    timeout_seconds: float
    deadline: datetime
    watermark: datetime
    lateness_ms: float
    decided_by: str
    stream_sequence: int = 0
    stream_epoch: int = 0
