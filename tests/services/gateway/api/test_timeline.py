"""What happened around a contract, by position: its own events, its agents', and the verdicts on them."""

import httpx
import pytest
from makima_gateway.read_model import timeline as timelines
from makima_schemas.silence import StaleCleared, StaleDetected

from tests.services.gateway.api.agent_events import join, silent
from tests.services.gateway.harness import Gateways, act, body, created, items, refused
from tests.services.gateway.sender_samples import NOW


async def a_day(gateways: Gateways, http: httpx.AsyncClient) -> str:
    """A contract around which something of each kind has happened; another one's events stand between."""
    contract, other = [str((await created(http))["id"]) for _ in range(2)]
    await act(http, contract, "start")
    for each in (other, contract):
        await join(gateways, each, "builder")
        await silent(gateways, each, "builder")
    await gateways.append(f"silence-{contract}", StaleDetected(contract, NOW, 900.0, 901.0))
    await act(http, contract, "pause", reason="lunch")
    position = await gateways.append(f"silence-{contract}", StaleCleared(contract))
    seen = await http.get(f"/contracts/{contract}", headers={"Makima-Min-Position": str(position)})
    assert "Makima-Read-Behind" not in seen.headers
    return contract


def kinds(events: list[dict[str, object]]) -> list[str]:
    return [str(event["type"]).split(".")[2] for event in events]


async def test_a_timeline_tells_by_position_what_happened_around_a_contract(
    gateways: Gateways, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timelines, "READ_AT_ONCE", 3)
    path = f"/contracts/{await a_day(gateways, http)}/timeline"
    whole = await items(http, path)
    assert kinds(whole) == [
        "ContractCreated",
        "ContractStarted",
        "AgentJoined",
        "AgentStatusChanged",
        "StaleDetected",
        "ContractPaused",
        "StaleCleared",
    ]
    assert await items(http, path, order="desc") == whole[::-1]
    places = [str(event["position"]) for event in whole]
    assert await items(http, path, after=places[1], before=places[5]) == whole[2:5]
    assert await items(http, path, order="desc", before=places[2]) == whole[1::-1]
    assert kinds(await items(http, path, categories="silence,contract", order="desc")) == [
        "StaleCleared",
        "ContractPaused",
        "StaleDetected",
        "ContractStarted",
        "ContractCreated",
    ]


def test_a_timeline_reads_the_streams_of_all_who_ever_worked_on_the_contract() -> None:
    def streams(*categories: timelines.TimelineCategory) -> list[str]:
        return timelines.timeline_streams("c1", ["supervisor", "builder"], ["s1", "s2"], categories)

    assert streams("supervisor", "agent") == ["supervisor-s1", "supervisor-s2", "agent-c1:builder"]
    assert streams("silence") == [
        "silence-c1", "silence-supervisor-s1", "silence-supervisor-s2", "silence-agent-c1:builder",
    ]  # fmt: skip
    assert streams("completion", "contract") == ["contract-c1", "completion-c1"]
    assert len(streams(*timelines.CATEGORIES)) == 9


async def test_a_timelines_pages_go_on_in_their_order(gateways: Gateways, http: httpx.AsyncClient) -> None:
    path = f"/contracts/{await a_day(gateways, http)}/timeline"
    whole = await items(http, path)
    for order, wanted in (("asc", whole), ("desc", whole[::-1])):
        seen, query = list[dict[str, object]](), {"limit": "3", "order": order}
        while len(seen) < len(wanted) + 3:
            page = body(await http.get(path, params=query))
            seen += page["items"]  # type: ignore[operator]
            if page["next_cursor"] is None:
                break
            query["cursor"] = str(page["next_cursor"])
        assert seen == wanted
        query["order"] = "desc" if order == "asc" else "asc"
        await refused(http.get(path, params=query), 422, "INVALID_REQUEST")


async def test_a_timeline_that_makes_no_sense_is_refused(http: httpx.AsyncClient) -> None:
    path = f"/contracts/{(await created(http))['id']}/timeline"
    for query in ({"categories": "contract,moon"}, {"order": "up"}, {"before": "0"}, {"since": "1"}):
        await refused(http.get(path, params=query), 422, "INVALID_REQUEST")
    await refused(http.get("/contracts/c404/timeline"), 404, "CONTRACT_NOT_FOUND")
