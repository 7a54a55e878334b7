"""What the recorder has the log decide of a sender's progress."""

from dataclasses import dataclass
from datetime import datetime

from makima_schemas.evidence import Arrival


@dataclass(frozen=True, slots=True)
class ObserveStuck:
    """A heartbeat that arrived too long after the last progress."""

    connection_id: str | None
    progress_at: datetime
    activity: str | None
    heard: Arrival


@dataclass(frozen=True, slots=True)
class ObserveProgress:
    """A heartbeat of a sender that the log calls stuck, which has told progress since."""

    connection_id: str | None
    progress_at: datetime
    heard: Arrival


def is_newer(progress_at: datetime, stuck: datetime | None) -> bool:
    """True if this is progress of a sender that is stuck since its last one (None: it is not stuck)."""
    return stuck is not None and progress_at > stuck
