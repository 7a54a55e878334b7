"""What waits for a person: longest waiting first, each with the request that ends the wait."""

from typing import cast
from uuid import uuid4

import httpx
from makima_schemas.agent import AgentJoined, AgentStatus, AgentStatusChanged
from makima_schemas.commands import Request

from tests.services.gateway.harness import Gateways, act, body, created, items, listed, refused
from tests.services.gateway.tokens import client_as

Json = dict[str, object]


async def waiting(gateways: Gateways, http: httpx.AsyncClient) -> list[str]:
    """Four contracts, each of which waits for something else, by since when."""
    asks, blocked, lost = [str((await created(http, name=str(n)))["id"]) for n in range(3)]
    guarded = str((await created(http, name="3", phase_guard=True))["id"])
    for contract in (asks, guarded, blocked, lost):
        await act(http, contract, "start")
    dead = AgentStatus.DEAD_FAILED_REVIVE
    assert (await http.post(f"/contracts/{guarded}/deliverables/plan-document/complete")).status_code == 200
    last = await gateways.append(
        f"agent-{lost}:builder",
        AgentJoined(lost, "builder", "c1", "daemon-1"),
        AgentStatusChanged(lost, "builder", AgentStatus.READY, dead, "revive_failed", "c1", "no use"),
    )
    await http.get("/agents", headers={"Makima-Min-Position": str(last)})
    await act(http, blocked, "block", reason="no licence")
    asker = gateways.replicas[0].bus
    await asker.ask(
        "contract", "await_confirmation", Request(uuid4(), guarded, {"phase": "plan"}, "service:test")
    )
    asked = {"question": "which?", "question_type": "choice", "options": ["A", "B"]}
    assert (await http.post(f"/contracts/{asks}/questions", json=asked)).status_code == 201
    return [lost, blocked, guarded, asks]


async def test_what_waits_longest_comes_first_and_says_what_ends_the_wait(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contracts = await waiting(gateways, http)
    needs = await items(http, "/needs-you", order="since")
    kinds = [each["kind"] for each in needs]
    shown = [cast("Json", each["contract"])["id"] for each in needs]
    assert shown == contracts
    assert kinds == ["unrecoverable", "blocked", "phase_confirmation", "question"]
    assert needs[0]["agent"] == {
        "role": "builder",
        "daemon_id": "daemon-1",
        "agent_status": "dead_failed_revive",
    }
    assert (needs[1]["reason"], needs[-1]["kind"]) == ("no licence", "question")
    assert cast("Json", needs[-1]["question"])["options"] == ["A", "B"]
    assert needs == sorted(needs, key=lambda each: str(each["since"]))
    assert needs[2]["next_phase"] == "execute"
    assert [each["id"] for each in listed(needs[2]["deliverables"])] == ["plan-document"]
    for each, said in ((needs[1], {}), (needs[2], {}), (needs[3], {"answer": "B"})):
        request = cast("Json", each["act"])
        path = str(request["path"]).removeprefix("/api/v1")
        answer = await http.post(path, json={**cast("Json", request["body"]), **said})
        assert answer.status_code == 200, answer.text
    assert [each["kind"] for each in await items(http, "/needs-you")] == ["unrecoverable"]


async def test_who_is_beyond_revival_in_a_paused_contract_waits_for_it_to_be_resumed(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    lost = (await waiting(gateways, http))[0]
    paths = list[str]()
    for step in ("pause", "resume"):
        await act(http, lost, step)
        need = (await items(http, "/needs-you"))[0]
        paths.append(str(cast("Json", need["act"])["path"]).removeprefix(f"/api/v1/contracts/{lost}"))
    assert paths == ["/resume", "/agents/builder/restart"]


async def test_pages_follow_each_other_and_say_how_many_wait(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    await waiting(gateways, http)
    whole = await items(http, "/needs-you")
    found, query = list[Json](), {"limit": "1"}
    while True:
        answer = body(await http.get("/needs-you", params=query))
        found += listed(answer["items"])
        assert answer["total"] == len(whole)
        if answer["next_cursor"] is None:
            break
        query["cursor"] = str(answer["next_cursor"])
    assert found == whole
    await refused(http.get("/needs-you?cursor=WyJjb250cmFjdHMiLDQyXQ"), 422, "INVALID_REQUEST")


async def test_an_owner_is_told_of_its_own_only(gateways: Gateways, http: httpx.AsyncClient) -> None:
    await waiting(gateways, http)
    async with client_as(http, "viewer", owner="somebody") as other:
        assert await items(other, "/needs-you") == []


async def test_who_stands_still_meanwhile_is_counted(gateways: Gateways, http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    await http.post(f"/contracts/{contract}/tasks", json={"name": "write"})
    await gateways.append(
        f"agent-{contract}:builder",
        AgentJoined(contract, "builder", "c1", None),
    )
    await act(http, contract, "block", reason="no licence")
    assert (await items(http, "/needs-you"))[0]["holds_up"] == {"agents": 1, "tasks": 1}
