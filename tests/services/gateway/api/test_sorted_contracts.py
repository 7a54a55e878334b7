"""Lists of contracts in the orders of a table, and how many there are."""

import httpx
import pytest

from tests.services.gateway.harness import act, body, created, items, listed, refused


async def some(http: httpx.AsyncClient) -> dict[str, str]:
    """Contracts by name: the first was created first, and moved last."""
    made = {name: str((await created(http, name=name))["id"]) for name in ("c", "a", "B", "d")}
    for name in ("d", "B", "a", "c"):
        await act(http, made[name], "start")
    await act(http, made["B"], "block", reason="no licence")
    await http.post(f"/contracts/{made['c']}/questions", json={"question": "why?"})
    return made


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["a", "B", "c", "d"]),
        ("created_at", ["d", "B", "a", "c"]),
        ("progress_at", ["d", "a", "B", "c"]),
        ("needs", ["c", "B", "d", "a"]),
    ],
)
async def test_a_list_comes_in_the_order_asked_for_also_page_by_page(
    http: httpx.AsyncClient, sort: str, expected: list[str]
) -> None:
    await some(http)
    assert [each["name"] for each in await items(http, "/contracts", sort=sort)] == expected
    found, query = list[object](), {"sort": sort, "limit": "1", "view": "row"}
    while True:
        page = body(await http.get("/contracts", params=query))
        assert page["total"] == 4
        found += [each["name"] for each in listed(page["items"])]
        if page["next_cursor"] is None:
            break
        query["cursor"] = str(page["next_cursor"])
    assert found == expected


async def test_a_cursor_is_of_one_order(http: httpx.AsyncClient) -> None:
    await some(http)
    first = body(await http.get("/contracts", params={"sort": "name", "limit": 1}))
    for other in ({"sort": "needs"}, {}):
        await refused(
            http.get("/contracts", params={**other, "cursor": str(first["next_cursor"])}),
            422,
            "INVALID_REQUEST",
        )


@pytest.mark.parametrize(
    ("query", "total"),
    [({}, 4), ({"status": "active"}, 2), ({"waiting": "true"}, 1), ({"q": "b"}, 1), ({"stale": "true"}, 0)],
)
async def test_the_total_is_of_what_matches(
    http: httpx.AsyncClient, query: dict[str, str], total: int
) -> None:
    await some(http)
    assert body(await http.get("/contracts", params={**query, "limit": 1}))["total"] == total
