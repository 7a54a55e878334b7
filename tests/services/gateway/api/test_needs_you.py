"""What waits for a person: longest waiting first, each with the request that ends the wait."""

from typing import cast

import httpx
from makima_schemas.agent import AgentJoined, AgentStatus, AgentStatusChanged

from tests.services.gateway.harness import Gateways, act, body, created, items, refused
from tests.services.gateway.tokens import client_as

Json = dict[str, object]


async def waiting(gateways: Gateways, http: httpx.AsyncClient) -> list[str]:
    """Four contracts, each of which waits for something else, by since when."""
    asks, guarded, blocked, lost = [str((await created(http, name=str(n)))["id"]) for n in range(4)]
    for contract in (asks, guarded, blocked, lost):
        await act(http, contract, "start")
    dead = AgentStatus.DEAD_FAILED_REVIVE
    last = await gateways.append(
        f"agent-{lost}:builder",
        AgentJoined(lost, "builder", "c1", "daemon-1"),
        AgentStatusChanged(lost, "builder", AgentStatus.READY, dead, "revive_failed", "c1", "no use"),
    )
    await http.get("/agents", headers={"Makima-Min-Position": str(last)})
    await act(http, blocked, "block", reason="no licence")
    await http.put(f"/contracts/{guarded}/phase-guard", json={"enabled": True})
    refusal = await http.post(f"/contracts/{guarded}/phase", json={"phase": "execute", "force": True})
    assert refusal.json()["code"] == "PHASE_GUARD_REQUIRED"
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
    if "phase_confirmation" not in kinds:  # the guard refuses, and asks nobody, unless the contract does
        contracts.remove(contracts[2])
    assert shown == contracts
    assert kinds[:2] == ["unrecoverable", "blocked"]
    assert needs[0]["agent"] == {
        "role": "builder",
        "daemon_id": "daemon-1",
        "agent_status": "dead_failed_revive",
    }
    assert (needs[1]["reason"], needs[-1]["kind"]) == ("no licence", "question")
    assert cast("Json", needs[-1]["question"])["options"] == ["A", "B"]
    assert needs == sorted(needs, key=lambda each: str(each["since"]))
    for each, said in ((needs[1], {}), (needs[-1], {"answer": "B"})):
        request = cast("Json", each["act"])
        path = str(request["path"]).removeprefix("/api/v1")
        answer = await http.request(
            str(request["method"]), path, json={**cast("Json", request["body"]), **said}
        )
        assert answer.status_code == 200, answer.text
    assert {each["kind"] for each in await items(http, "/needs-you")} <= {
        "unrecoverable",
        "phase_confirmation",
    }


async def test_pages_follow_each_other_and_say_how_many_wait(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    await waiting(gateways, http)
    whole = await items(http, "/needs-you")
    found, cursor = list[Json](), None
    while True:
        answer = body(
            await http.get("/needs-you", params={"limit": 1, **({"cursor": cursor} if cursor else {})})
        )
        found += cast("list[Json]", answer["items"])
        assert answer["total"] == len(whole)
        cursor = answer["next_cursor"]
        if cursor is None:
            break
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
