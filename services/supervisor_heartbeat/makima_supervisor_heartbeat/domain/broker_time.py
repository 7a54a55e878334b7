"""The broker's timestamps, which heartbeats carry, as times."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=64)
def second(seconds: int) -> str:
    """Unix seconds as RFC 3339 up to the seconds. Cached: thousands of heartbeats share a second."""
    return moment(seconds * 1_000_000_000).strftime("%Y-%m-%dT%H:%M:%S")


def rfc3339_of(nanoseconds: int) -> str:
    """A broker timestamp (Unix ns) as RFC 3339 in UTC, with microseconds."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{second(seconds)}.{rest // 1000:06}Z"


def nanoseconds(at: datetime) -> int:
    """A time as the broker's timestamps, Unix ns."""
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1000


def moment(nanoseconds: int) -> datetime:
    """A broker timestamp (Unix ns) as a UTC datetime, cut to microseconds."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
