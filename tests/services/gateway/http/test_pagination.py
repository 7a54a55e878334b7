"""A page ends with the cursor of the next one, or is the last."""

import orjson
from makima_gateway.http.pagination import PAGE_BYTES, page, position


def test_one_row_too_many_says_that_there_is_another_page() -> None:
    shown = page([3, 5, 8], 2, "tasks", lambda row: row, lambda row: {"n": row})
    assert orjson.loads(orjson.dumps(shown["items"])) == [{"n": 3}, {"n": 5}]
    assert position("tasks", str(shown["next_cursor"])) == 5


def test_the_last_page_has_no_cursor() -> None:
    assert page([3, 5], 2, "tasks", lambda row: row, str)["next_cursor"] is None
    assert page([], 2, "tasks", str, str) == {"items": [], "next_cursor": None}


def test_a_page_ends_before_it_is_too_large_and_the_cursor_goes_on_there() -> None:
    rows, seen, cursor = list(range(1, 8)), list[int](), None
    while True:
        left = [row for row in rows if row > (position("tasks", cursor) or 0)]
        shown = page(left, 500, "tasks", lambda row: row, lambda row: [row, "x" * (PAGE_BYTES // 3)])
        items = orjson.loads(encoded := orjson.dumps(shown["items"]))
        assert 1 <= len(items) <= 2
        assert len(encoded) <= PAGE_BYTES
        seen += [item[0] for item in items]
        if shown["next_cursor"] is None:
            break
        cursor = str(shown["next_cursor"])
    assert seen == rows


def test_a_row_that_is_larger_than_a_page_is_shown_alone() -> None:
    shown = page([1, 2], 5, "tasks", lambda row: row, lambda _row: "x" * (2 * PAGE_BYTES))
    assert orjson.loads(orjson.dumps(shown["items"])) == ["x" * (2 * PAGE_BYTES)]
    assert position("tasks", str(shown["next_cursor"])) == 1
