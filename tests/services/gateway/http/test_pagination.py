"""A page ends with the cursor of the next one, or is the last."""

from makima_gateway.http.pagination import page, position


def test_one_row_too_many_says_that_there_is_another_page() -> None:
    shown, following = page([3, 5, 8], 2, "tasks", lambda row: row)
    assert list(shown) == [3, 5]
    assert position("tasks", following) == 5


def test_the_last_page_has_no_cursor() -> None:
    assert page([3, 5], 2, "tasks", lambda row: row) == ([3, 5], None)
    assert page([], 2, "tasks", str) == ([], None)
