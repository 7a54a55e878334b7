"""A page ends with the cursor of the next one, or is the last."""

from decimal import Decimal

import httpx
import orjson
import pytest
from makima_gateway.http.pagination import PAGE_BYTES, encode, in_order, ordered_key, page, position
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from tests.services.gateway.harness import refused


def three(number: Decimal, word: str, place: str) -> tuple[Decimal, str, str]:
    return number, word, place


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


@pytest.mark.parametrize(
    "key",
    [
        ["name", "NaN", "a", "1"],
        ["name", "1e999", "a", "1"],
        ["name", "9" * 101, "a", "1"],
        ["name", "1", "a\0", "1"],
        ["name", "1", "a"],
        ["name", "1", "a", "1", "1"],
        ["name"],
        {"name": 1},
        7,
    ],
)
def test_a_made_up_place_in_an_order_is_refused(key: object) -> None:
    """Postgres would take none of them: each would be an internal error."""
    cursor = encode("contracts", orjson.dumps(key).decode())
    with pytest.raises(Refused) as refusal:
        in_order("contracts", cursor, "name", three)
    assert refusal.value.code is ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize("position", ["-1", "1.5", "9" * 19, "x", "²"])
async def test_a_made_up_position_is_refused(http: httpx.AsyncClient, position: str) -> None:
    cursor = encode("contracts", ordered_key("name", Decimal(1), "a", position))
    await refused(http.get("/contracts", params={"sort": "name", "cursor": cursor}), 422, "INVALID_REQUEST")


def test_a_place_in_an_order_is_found_again() -> None:
    cursor = encode("contracts", ordered_key("name", Decimal("1.5"), "a", 7))
    assert in_order("contracts", cursor, "name", three) == (Decimal("1.5"), "a", "7")
    assert in_order("contracts", None, "name", three) is None
