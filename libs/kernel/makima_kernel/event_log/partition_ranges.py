"""Computes (pure) which partitions a table should have: by position for the log, by hour for telemetry."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

Bound = TypeVar("Bound", int, datetime)

_BOUNDS = re.compile(r"FROM \('?([^')]+)'?\) TO \('?([^')]+)'?\)")


@dataclass(frozen=True, slots=True, order=True)
class Range(Generic[Bound]):
    """The half-open interval [lower, upper)."""

    lower: Bound
    upper: Bound


class Ranges(Protocol[Bound]):
    """A scheme by which a table is partitioned by range."""

    def missing(self, at: Bound, present: Sequence[Range[Bound]]) -> list[Range[Bound]]:
        """The ranges to create, in order, if writers are at `at` and the ranges `present` exist."""
        ...

    def suffix(self, lower: Bound) -> str:
        """The digits at the end of a partition's name; their text order is the order of the bounds."""
        ...

    def bound(self, text: str) -> Bound:
        """Parses a bound as Postgres prints it (in a session with the time zone UTC)."""
        ...


@dataclass(frozen=True, slots=True)
class ByPosition:
    """Partitions of `size` positions each, of which `ahead` empty ones exist ahead of the writers.

    A changed size applies only to partitions that do not exist yet.
    """

    size: int = 10_000_000
    ahead: int = 2

    def missing(self, at: int, present: Sequence[Range[int]]) -> list[Range[int]]:
        made: list[Range[int]] = []
        upper = max((known.upper for known in present), default=0)
        empty = sum(known.lower > at for known in present)
        while empty < self.ahead:
            made.append(Range(upper, upper + self.size))
            empty += upper > at
            upper += self.size
        return made

    def suffix(self, lower: int) -> str:
        return f"{lower:012}"

    def bound(self, text: str) -> int:
        return int(text)


@dataclass(frozen=True, slots=True)
class ByHour:
    """Partitions of one hour each: the current one, `ahead` future ones and `behind` past ones.

    The past ones are for messages that were still in the broker when the writers were down.
    """

    ahead: int = 2
    behind: int = 2

    def missing(self, at: datetime, present: Sequence[Range[datetime]]) -> list[Range[datetime]]:
        hour = timedelta(hours=1)
        this = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        wanted = [Range(this + k * hour, this + (k + 1) * hour) for k in range(-self.behind, self.ahead + 1)]
        return [
            range_
            for range_ in wanted
            if not any(known.lower < range_.upper and range_.lower < known.upper for known in present)
        ]

    def suffix(self, lower: datetime) -> str:
        return f"{lower.astimezone(UTC):%Y%m%d%H}"

    def bound(self, text: str) -> datetime:
        return datetime.fromisoformat(text)


def bounds(expression: str) -> tuple[str, str]:
    """The two literals of `FOR VALUES FROM ('…') TO ('…')`."""
    match = _BOUNDS.search(expression)
    if match is None:
        raise ValueError(f"not the bounds of a range partition: {expression}")
    return match[1], match[2]
