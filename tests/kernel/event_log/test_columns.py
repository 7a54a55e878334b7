"""Rows become one array for each column."""

import pytest
from makima_kernel.event_log.columns import columns


def test_rows_become_columns() -> None:
    assert columns([("a", 1), ("b", 2)], 2) == columns([("a", 1), ("b", 2)]) == [["a", "b"], [1, 2]]


def test_no_rows_become_as_many_empty_columns_as_are_asked_for() -> None:
    assert columns([], 3) == [[], [], []]


def test_rows_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        columns([("a", 1), ("b",)], 2)
