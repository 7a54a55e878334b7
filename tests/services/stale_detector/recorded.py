"""An event as the log hands it on, for the folds."""

from datetime import UTC, datetime
from uuid import UUID

from makima_schemas.codec import Event, encode
from makima_schemas.envelope import EventMeta, Recorded

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def recorded(stream: str, event: Event, *, position: int = 1, version: int = 1) -> Recorded:
    name = type(event).__name__
    return Recorded(
        position,
        "default",
        stream,
        version,
        UUID(int=1),
        UUID(int=2),
        name,
        1,
        encode(event),
        EventMeta(),
        NOON,
    )
