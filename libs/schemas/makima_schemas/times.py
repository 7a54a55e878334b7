"""Times on the wire: RFC 3339, UTC, `Z`, microseconds."""

from datetime import UTC, datetime


def rfc3339(moment: datetime) -> str:
    """E.g.

    `2026-01-31T10:30:00.000000Z`. Raises `ValueError` for a time without a time zone, which is ambiguous.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; give it in UTC")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
