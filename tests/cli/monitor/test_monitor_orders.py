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
    """All of them, and those that a filter lets through."""
    orders: Orders[str, Row] = Orders(BY)
    made: dict[Row, Row] = {}  # a row that did not change is the same object
    for values, order in steps:
        rows = {key: made.setdefault((key, value), (key, value)) for key, value in values.items()}
        orders.follow(rows)
        for some in (rows, {key: row for key, row in rows.items() if row[1] > 0}):
            assert orders.sort(some, order) == sorted(some, key=lambda key: BY[order](some[key]))


def test_only_of_a_row_that_changed_it_is_asked_anew_where_it_stands() -> None:
    """With 10 000 rows a key would wait for it."""
    asked: list[str] = []

    def by(row: Row) -> tuple[Any, ...]:
        asked.append(row[0])
        return row[1], row[0]

    orders: Orders[str, Row] = Orders({"up": by, "down": by})
    rows: dict[str, Row] = {key: (key, number) for number, key in enumerate("abc")}
    for order in ("up", "down", "up"):
        orders.follow(rows)
        orders.sort(rows, order)
    assert sorted(asked) == sorted("abc" * 2)
    asked.clear()
    rows["b"] = ("b", 7)
    orders.follow(rows)
    assert (orders.sort(rows, "up"), asked) == (["a", "c", "b"], ["b"])
