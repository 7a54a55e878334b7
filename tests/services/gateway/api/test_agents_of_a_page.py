"""The list of agents as a page shows it: counts, orders, search, and what a row needs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import uuid4

import httpx
import orjson
import pytest
from makima_gateway.api.agent_beats import absences, while_there
from makima_kernel.event_log.append import Append, new_event
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged
from makima_schemas.envelope import EventMeta

from tests.services.gateway.harness import Gateways, body, created, items, listed, refused

S = AgentStatus


async def team(gateways: Gateways, http: httpx.AsyncClient) -> str:
    contract = str((await created(http, name="Add login"))["id"])
    for role, became in (("builder", S.WORKING), ("reviewer", S.DEAD), ("tester", S.DEAD_FAILED_REVIVE)):
        last = await gateways.append(
            f"agent-{contract}:{role}",
            AgentJoined(contract, role, f"c-{role}", "daemon-1" if role == "builder" else None),
            AgentStatusChanged(contract, role, S.READY, became, "heartbeat", f"c-{role}"),
        )
    await http.get("/agents", headers={"Makima-Min-Position": str(last)})
    return contract


async def test_counts_are_of_everything_and_the_total_of_what_matches(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    await team(gateways, http)
    for query, total in ({"status": "dead"}, 1), ({}, 3), ({"q": "LOGIN"}, 3), ({"daemon": "daemon-1"}, 1):
        page = body(await http.get("/agents", params=query))
        assert page["total"] == total, query
        counts = cast("dict[str, int]", page["counts"])
        assert {each: count for each, count in counts.items() if count} == {
            "working": 1,
            "dead": 1,
            "dead_failed_revive": 1,
        }
        assert page["stuck"] == 0


async def test_who_needs_a_hand_comes_first_also_page_by_page(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    await team(gateways, http)
    expected = ["tester", "reviewer", "builder"]
    assert [each["role"] for each in await items(http, "/agents", sort="needs")] == expected
    found, query = list[object](), {"sort": "needs", "limit": "1"}
    while True:
        page = body(await http.get("/agents", params=query))
        found += [each["role"] for each in listed(page["items"])]
        if page["next_cursor"] is None:
            break
        query["cursor"] = str(page["next_cursor"])
    assert found == expected
    query["sort"] = "contract"
    await refused(http.get("/agents", params=query), 422, "INVALID_REQUEST")


async def test_an_agent_says_what_a_row_shows(gateways: Gateways, http: httpx.AsyncClient) -> None:
    contract = await team(gateways, http)
    task = (await http.post(f"/contracts/{contract}/tasks", json={"name": "write", "role": "builder"})).json()
    claim = {"role": "builder", "connection_id": "c-builder"}
    answer = await http.post(f"/contracts/{contract}/tasks/{task['id']}/claim", json=claim)
    assert answer.status_code == 200, answer.text
    beat = {
        "contract_id": contract,
        "connection_id": "c-builder",
        "activity": "types",
        "progress": 40,
        "child": {"pid": 7, "command": "pytest", "cpu_seconds": 1.5},
        "last_heartbeat": "2026-01-31T10:30:00.000000Z",
    }
    subject = subjects.state("agent", f"{contract}:builder")
    await gateways.replicas[0].nats.publish(subject, orjson.dumps(beat))

    async def shown() -> bool:
        return body(await http.get(f"/contracts/{contract}/agents/builder"))["activity"] == "types"

    await eventually(shown)
    agent = (await items(http, "/agents", status="working"))[0]
    assert agent == body(await http.get(f"/contracts/{contract}/agents/builder"))
    assert (agent["contract_name"], agent["progress"], agent["child"]) == ("Add login", 40, beat["child"])
    assert agent["last_heartbeat_at"] == "2026-01-31T10:30:00.000000Z"
    assert agent["task"] == {"id": task["id"], "name": "write"}
    assert (agent["interval_seconds"], agent["timeout_seconds"]) == (30.0, 90.0)


async def test_asked_for_beats_each_agent_has_its_strip(gateways: Gateways, http: httpx.AsyncClient) -> None:
    contract = await team(gateways, http)
    for path, name in ("/agents", "items"), (f"/contracts/{contract}/agents", "agents"):
        for agent in listed(body(await http.get(path, params={"beats": "12"}))[name]):
            beats = cast("dict[str, object] | None", agent["beats"])
            assert beats is None or (beats["slots"], beats["step_seconds"]) == ("-" * 12, 30.0)
        assert {each["beats"] for each in listed(body(await http.get(path))[name])} == {None}
        await refused(http.get(path, params={"beats": "121"}), 422, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("slots", "away", "shown"),  # seconds before the end at which it left, and was back
    [
        ("111l00", [], "111l00"),
        ("1l0111l000", [(75.0, None)], "1l0111l---"),  # what was missed before it left stays
        ("111111l000", [(120.0, None)], "111111----"),
        ("000000", [(999.0, None)], "------"),
        ("------", [(10.0, None)], "------"),
        ("11|111", [(200.0, None)], "11|111"),
        ("1111l00|11", [(170.0, 65.0)], "1111---|11"),
        ("11l000011l", [(999.0, 200.0), (185.0, 95.0)], "11-----11l"),
        ("111000000|", [(999.0, 170.0)], "111--0000|"),  # back, and never heard: that is missed
    ],
)
def test_of_an_agent_that_has_left_no_heartbeat_is_missed(
    slots: str, away: list[tuple[float, float | None]], shown: str
) -> None:
    to = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def moment(before: float) -> datetime:
        return to - timedelta(seconds=before)

    absent = [(moment(left), None if back is None else moment(back)) for left, back in away]
    assert while_there(slots, to, 30.0, absent) == shown


async def test_when_an_agent_was_away_is_in_the_log(gateways: Gateways) -> None:
    """Whether it left or was cleaned up; who died is missed, not away."""
    joined = AgentJoined("away", "builder", "x", "d1")
    died = AgentStatusChanged("away", "builder", AgentStatus.READY, AgentStatus.DEAD, "silence")
    cleaned = AgentStatusChanged("away", "builder", AgentStatus.DEAD, AgentStatus.OFFLINE, "cleanup")
    left = AgentLeft("away", "builder", "x")
    stream = "agent-away:builder"
    for event in (joined, left, joined, died, cleaned, joined, left):
        await gateways.append(stream, event)
    at = [each.recorded_at for each in await gateways.log.stream("default", stream)]
    expected = {stream: [(at[1], at[2]), (at[4], at[5]), (at[6], None)]}
    assert await absences(gateways.log, "default", [stream, "agent-away:tester"]) == expected
    of_tomorrow = replace(new_event(joined), schema=99)
    await gateways.replicas[0].appender.append(
        Append("default", stream, uuid4(), b"", None, (of_tomorrow,), EventMeta())
    )
    assert await absences(gateways.log, "default", [stream]) == expected


async def test_an_agents_life_tells_its_joins_and_verdicts_newest_first(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = await team(gateways, http)
    steps = await items(http, f"/contracts/{contract}/agents/reviewer/life")
    assert [(each["from"], each["to"], each["trigger"], each["connection_id"]) for each in steps] == [
        ("ready", "dead", "heartbeat", "c-reviewer"),
        ("offline", "ready", "join", "c-reviewer"),
    ]
    assert [each["position"] for each in steps] == sorted((each["position"] for each in steps), reverse=True)  # type: ignore[type-var]
    [newest] = await items(http, f"/contracts/{contract}/agents/reviewer/life", limit="1")
    assert newest == steps[0]
    await refused(http.get(f"/contracts/{contract}/agents/nobody/life"), 404, "PARTICIPANT_NOT_FOUND")
