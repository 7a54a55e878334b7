"""Which partitions are made, worked out without a table."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makima_kernel.event_log.partition_ranges import ByHour, ByPosition, Range, bounds

HALF_PAST_NINE = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def hour(number: int) -> datetime:
    return datetime(2026, 1, 31, number, tzinfo=UTC)


@given(
    at=st.integers(0, 10_000), size=st.integers(1, 500), other=st.integers(1, 500), ahead=st.integers(1, 4)
)
def test_positions_are_covered_without_gap_or_overlap_with_enough_ahead(
    at: int, size: int, other: int, ahead: int
) -> None:
    first = ByPosition(size, ahead).missing(at, [])
    assert first[0].lower == 0
    more = ByPosition(other, ahead).missing(first[-1].lower, first)
    parts = first + more
    assert all(left.upper == right.lower for left, right in pairwise(parts))
    assert sum(part.lower > at for part in first) == ahead
    assert sum(part.lower > first[-1].lower for part in parts) == ahead
    assert ByPosition(other, ahead).missing(first[-1].lower, parts) == []


def test_hours_are_made_around_now() -> None:
    assert ByHour(ahead=2, behind=1).missing(HALF_PAST_NINE, []) == [
        Range(hour(number), hour(number + 1)) for number in (8, 9, 10, 11)
    ]


def test_hours_that_stand_are_left_alone_and_a_night_off_leaves_no_ballast() -> None:
    yesterday = [Range(hour(k) - timedelta(days=1), hour(k + 1) - timedelta(days=1)) for k in range(5)]
    present = [*yesterday, Range(hour(9), hour(10))]
    assert ByHour(ahead=1, behind=1).missing(HALF_PAST_NINE, present) == [
        Range(hour(8), hour(9)),
        Range(hour(10), hour(11)),
    ]


def test_names_sort_as_bounds_do() -> None:
    assert ByPosition().suffix(9_999_999) < ByPosition().suffix(10_000_000)
    assert ByHour().suffix(hour(9)) == "2026013109"


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        ("FOR VALUES FROM ('0') TO ('10000000')", ("0", "10000000")),
        ("FOR VALUES FROM (0) TO (5)", ("0", "5")),
        (
            "FOR VALUES FROM ('2026-01-31 09:00:00+00') TO ('2026-01-31 10:00:00+00')",
            ("2026-01-31 09:00:00+00", "2026-01-31 10:00:00+00"),
        ),
    ],
)
def test_bounds_are_read_as_postgres_prints_them(printed: str, read: tuple[str, str]) -> None:
    assert bounds(printed) == read


def test_another_kind_of_partition_is_refused() -> None:
    with pytest.raises(ValueError, match="not the bounds"):
        bounds("DEFAULT")
