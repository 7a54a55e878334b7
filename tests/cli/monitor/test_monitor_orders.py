"""Lists that are sorted from the order that they had."""

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from makima_cli.monitor.holding import Orders

STEPS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 3)), st.sampled_from(["up", "down"])
    ),
    max_size=8,
)
Row = tuple[str, int]
BY: Mapping[str, Callable[[Row], tuple[Any, ...]]] = {
    "up": lambda row: (row[1], row[0]),
    "down": lambda row: (-row[1], row[0]),
}


@given(STEPS)
def test_rows_that_came_went_and_changed_stand_as_if_sorted_for_the_first_time(
    steps: list[tuple[dict[str, int], str]],
) -> None:
    orders: Orders[str, Row] = Orders(BY)
    for values, order in steps:
        rows = {key: (key, value) for key, value in values.items()}
        assert orders.sort(rows, order) == sorted(rows.values(), key=BY[order])
