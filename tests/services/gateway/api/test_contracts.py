"""Contracts over HTTP: made, listed, shown as they are and as they were, deleted; the first answer again for
a repeat.
"""

import asyncio

import httpx
import pytest
from makima_gateway.read_model import timeline as timelines

from tests.services.gateway.harness import act, body, created, items, listed, refused


async def test_a_new_contract_is_answered_with_all_its_members(http: httpx.AsyncClient) -> None:
    answer = await http.post("/contracts", json={"name": "build it", "description": "all of it"})
    assert answer.status_code == 201
    assert answer.headers["ETag"] == '"1"'
    assert int(answer.headers["Makima-Position"]) > 0
    assert "Makima-Read-Behind" not in answer.headers
    contract = body(answer)
    expected = {
        "status": "created",
        "legacy_status": "active",
        "phase": "plan",
        "phases": ["plan", "execute"],
        "version": 1,
        "stale": False,
    }
    assert expected.items() <= contract.items()
    assert contract["deliverables"] == [
        {
            "phase": "plan",
            "id": "plan-document",
            "name": "Plan document",
            "completed": False,
            "completed_at": None,
        },
        {
            "phase": "execute",
            "id": "pull-request",
            "name": "Pull request",
            "completed": False,
            "completed_at": None,
        },
    ]
    assert contract["tasks"] == {
        "total": 0,
        "pending": 0,
        "claimed": 0,
        "running": 0,
        "completed": 0,
        "failed": 0,
    }
    assert (
        contract["created_at"]
        == contract["updated_at"]
        == contract["status_changed_at"]
        == contract["last_activity_at"]
    )
    shown = await http.get(f"/contracts/{contract['id']}")
    assert body(shown) == contract
    assert shown.headers["ETag"] == '"1"'


async def test_a_contract_may_bring_phases_of_its_own(http: httpx.AsyncClient) -> None:
    phases = [
        {
            "name": "draft",
            "deliverables": [{"id": "text", "name": "Text"}],
            "gate": {"required_tasks": {"min_complete": 1}},
        },
        {"name": "print", "gate": {"required_tasks": "none", "auto_advance": False}},
    ]
    contract = await created(http, phases=phases, stale_after_seconds=60)
    assert contract["phases"] == ["draft", "print"]
    readiness = body(await http.get(f"/contracts/{contract['id']}/phase-readiness"))
    expected = {
        "phase": "draft",
        "ready": False,
        "missing": ["Deliverable: text", "1 tasks incomplete"],
        "auto_advance_enabled": True,
    }
    assert readiness.items() >= expected.items()


async def test_a_deletion_asked_again_with_the_same_key_gets_the_first_answer(
    http: httpx.AsyncClient,
) -> None:
    """The first answer may have been lost on its way: not found would be a lie about what was asked."""
    contract = str((await created(http))["id"])
    for action in ("start", "fail", "archive"):
        await act(http, contract, action)
    key = {"Idempotency-Key": "gone"}
    assert [(await http.delete(f"/contracts/{contract}", headers=key)).status_code for _ in range(2)] == [
        204,
        204,
    ]
    assert (await http.delete(f"/contracts/{contract}")).status_code == 404


async def test_a_repeat_with_the_same_key_gets_the_first_answer(http: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "one intent"}
    first = await http.post("/contracts", json={"name": "once"}, headers=key)
    await act(http, str(body(first)["id"]), "start")
    again = await http.post("/contracts", json={"name": "once"}, headers=key)
    assert (again.status_code, again.json(), again.headers["ETag"]) == (201, first.json(), '"1"')
    assert again.headers["Makima-Position"] == first.headers["Makima-Position"]
    assert len(await items(http, "/contracts")) == 1
    await refused(http.post("/contracts", json={"name": "twice"}, headers=key), 409, "IDEMPOTENCY_KEY_REUSED")


async def test_many_at_once_with_one_key_make_one_contract(http: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(http.post("/contracts", json={"name": "once"}, headers={"Idempotency-Key": "k"}) for _ in range(10))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({body(answer)["id"] for answer in answers}) == 1
    assert len(await items(http, "/contracts")) == 1


async def test_lists_come_newest_first_in_pages_that_stay_right_while_rows_change(
    http: httpx.AsyncClient,
) -> None:
    names = [f"contract {number}" for number in range(7)]
    ids = [str((await created(http, name=name))["id"]) for name in names]
    first = body(await http.get("/contracts", params={"limit": 3}))
    await asyncio.gather(*(act(http, one, "start") for one in ids), created(http, name="newer"))
    second = body(await http.get("/contracts", params={"limit": 3, "cursor": str(first["next_cursor"])}))
    third = body(await http.get("/contracts", params={"limit": 3, "cursor": str(second["next_cursor"])}))
    seen = [item["name"] for page in (first, second, third) for item in listed(page["items"])]
    assert seen == list(reversed(names))
    assert third["next_cursor"] is None


async def test_filters_combine(http: httpx.AsyncClient) -> None:
    quiet = await created(http, name="Quiet 100%")
    waiting = await created(http, name="other", description="has QUIET inside")
    await act(http, str(waiting["id"]), "start")
    await http.post(f"/contracts/{waiting['id']}/questions", json={"question": "why?"})
    paused = await created(http, name="paused", contract_type="execute")
    await act(http, str(paused["id"]), "pause")

    async def found(**filters: object) -> set[str]:
        return {str(item["name"]) for item in await items(http, "/contracts", **filters)}

    assert await found(status="created,paused") == {"Quiet 100%", "paused"}
    assert await found(phase="execute") == {"paused"}
    assert await found(waiting="true") == {"other"}
    assert await found(waiting="false", q="quiet") == {"Quiet 100%"}
    assert await found(q="quiet") == {"Quiet 100%", "other"}
    assert await found(q="100%") == {"Quiet 100%"}
    assert await found(q="1_0") == set()
    assert await found(stale="true") == set()
    assert await found(threshold="0s") == {"other"}
    assert await found(threshold="30m") == set()
    assert await found(threshold="30m", stale="false") == {"Quiet 100%", "other", "paused"}
    assert quiet["id"] != waiting["id"]


async def test_a_contract_is_shown_as_it_was(http: httpx.AsyncClient) -> None:
    contract = await created(http)
    path = f"/contracts/{contract['id']}"
    started = await act(http, str(contract["id"]), "start")
    await act(http, str(contract["id"]), "fail", reason="no budget")
    assert body(await http.get(path, params={"at": "1"})) == contract
    assert body(await http.get(path, params={"at": "2"})) == started
    assert body(await http.get(path, params={"at": str(started["updated_at"])})) == started
    await refused(http.get(path, params={"at": "4"}), 422, "INVALID_REQUEST")
    await refused(http.get(path, params={"at": "yesterday"}), 422, "INVALID_REQUEST")
    await refused(http.get(path, params={"at": "2026-01-01T00:00:00"}), 422, "INVALID_REQUEST")
    await refused(http.get(path, params={"at": "2001-01-01T00:00:00Z"}), 404, "CONTRACT_NOT_FOUND")


async def test_only_an_archived_contract_is_deleted_and_then_forgotten(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    await refused(http.delete(f"/contracts/{contract}"), 400, "INVALID_TRANSITION")
    await act(http, contract, "archive")
    deleted = await http.delete(f"/contracts/{contract}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    await refused(http.get(f"/contracts/{contract}"), 404, "CONTRACT_NOT_FOUND")
    await refused(http.get(f"/contracts/{contract}/events"), 404, "CONTRACT_NOT_FOUND")
    await refused(http.delete(f"/contracts/{contract}"), 404, "CONTRACT_NOT_FOUND")
    assert await items(http, "/contracts") == []


async def test_the_events_of_a_contract_come_as_cloudevents(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    await act(http, contract, "pause", reason="lunch")
    path = f"/contracts/{contract}/events"
    events = await items(http, path)
    assert [event["type"] for event in events] == [
        f"makima.contract.Contract{name}.v1" for name in ("Created", "Started", "Paused")
    ]
    assert all(
        event["specversion"] == "1.0" and event["subject"] == contract and event["actor"] == "admin:local"
        for event in events
    )
    assert await items(http, path, after="2") == events[2:]
    page = body(await http.get(path, params={"limit": 2}))
    assert await items(http, path, cursor=str(page["next_cursor"])) == events[2:]
    assert await items(http, path, order="desc") == events[::-1]
    assert await items(http, path, after="1", before="3") == events[1:2]
    assert await items(http, path, order="desc", before="3") == events[1::-1]
    assert await items(http, path, order="desc", after="1") == events[:0:-1]


async def test_events_newest_first_go_on_in_their_order_whatever_is_appended(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timelines, "READ_AT_ONCE", 2)
    contract = str((await created(http))["id"])
    path = f"/contracts/{contract}/events"
    for verb in ("start", "pause", "resume", "pause"):
        await act(http, contract, verb)
    page = body(await http.get(path, params={"order": "desc", "limit": 3}))
    assert [event["streamversion"] for event in listed(page["items"])] == [5, 4, 3]
    await act(http, contract, "resume")
    rest = body(await http.get(path, params={"order": "desc", "cursor": str(page["next_cursor"])}))
    assert ([event["streamversion"] for event in listed(rest["items"])], rest["next_cursor"]) == (
        [2, 1],
        None,
    )
    other_order = {"cursor": str(page["next_cursor"])}
    for query in (other_order, {"order": "up"}, {"before": "0"}, {"since": "1"}):
        await refused(http.get(path, params=query), 422, "INVALID_REQUEST")
    monkeypatch.setattr(timelines, "PAGE_BYTES", 100)
    seen, query = list[object](), {"order": "desc"}
    while len(seen) < 6:
        page = body(await http.get(path, params=query))
        seen += [event["streamversion"] for event in listed(page["items"])]
        query["cursor"] = str(page["next_cursor"])
    assert (seen, page["next_cursor"]) == ([6, 5, 4, 3, 2, 1], None)


async def test_a_list_that_a_page_cuts_short_goes_on_until_everything_was_shown(
    http: httpx.AsyncClient,
) -> None:
    """Gates are read for the page, but not shown: what is shown has no size by which the cut could be seen."""
    names = [f"{number:04} {'x' * 90}" for number in range(1000)]
    phase = {"name": "plan", "gate": {"required_tasks": {"named": names}}}
    made = {str((await created(http, phases=[phase]))["id"]) for _ in range(14)}
    seen, cursor = list[str](), None
    while cursor or not seen:
        query = {"limit": "500"} | ({"cursor": cursor} if cursor else {})
        shown = (await http.get("/contracts", params=query)).json()
        seen += [item["id"] for item in shown["items"]]
        cursor = shown["next_cursor"]
    assert len(seen) == len(set(seen))
    assert made <= set(seen)
