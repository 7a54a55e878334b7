"""Agents over HTTP as they were: a team and one agent, at a version of the contract or at a time."""

from typing import cast

import httpx
import orjson
from makima_gateway.read_model.fold import fold
from makima_gateway.read_model.rows import Rows
from makima_schemas.agent import AgentStatus, AgentStuck
from makima_schemas.codec import decode
from makima_schemas.envelope import from_cloudevent
from makima_schemas.supervisor import SupervisorRegistered

from tests.services.gateway.api.agent_events import become, get, join, silent, statuses
from tests.services.gateway.harness import Gateways, body, created, listed, refused
from tests.services.gateway.sender_samples import NOW, WORKING


async def test_a_team_is_shown_as_it_was_and_exported_as_it_is(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    path = f"/contracts/{contract}/agents"
    await join(gateways, contract, "builder")
    await http.post(f"/contracts/{contract}/tasks", json={"name": "write", "role": "reviewer"})
    version = body(await http.get(f"/contracts/{contract}"))["version"]
    await gateways.append("supervisor-s1", SupervisorRegistered(contract, "d1", "k1", WORKING, "plan"))
    position = await silent(gateways, contract, "builder")
    now = await get(http, path, position)
    assert statuses(now) == {"builder": "dead", "supervisor": "working"}
    then = await get(http, path, at=str(version))
    assert statuses(then) == {"builder": "ready"}
    assert cast("dict[str, object]", then["team"])["missing_roles"] == ["reviewer"]
    latest = str(listed(now["agents"])[0]["since"])
    assert statuses(await get(http, path, at=latest)) == statuses(now)
    await refused(http.get(path, params={"at": "99"}), 422, "INVALID_REQUEST")
    await refused(http.get(path, params={"at": "yesterday"}), 422, "INVALID_REQUEST")

    document = await get(http, f"/contracts/{contract}/export")
    assert statuses(document) == statuses(now)
    rows = Rows()
    for event in (*listed(document["events"]), *listed(document["agent_events"])):
        recorded = from_cloudevent(orjson.dumps(event))
        fold(rows, recorded, decode(recorded.type, recorded.schema, recorded.data))
    assert {row.role: row.agent_status for row in rows.agents.values()} == statuses(now)


async def test_an_agent_is_shown_as_it_was(gateways: Gateways, http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    path = f"/contracts/{contract}/agents"
    await join(gateways, contract, "builder")
    await become(gateways, contract, "builder", AgentStatus.WORKING, "task_taken")
    await gateways.append(f"agent-{contract}:builder", AgentStuck(contract, "builder", "a1", NOW, "testing"))
    await http.post(f"/contracts/{contract}/tasks", json={"name": "write", "role": "reviewer"})
    version = str(body(await http.get(f"/contracts/{contract}"))["version"])
    died = await silent(gateways, contract, "builder")
    await gateways.append("supervisor-s1", SupervisorRegistered(contract, "d1", "k1", WORKING, "plan"))
    dead = await get(http, f"{path}/builder", died)
    cleaned = await become(
        gateways, contract, "builder", AgentStatus.OFFLINE, "cleanup", old=AgentStatus.DEAD
    )

    async def shown(role: str, at: str) -> tuple[object, ...]:
        one = await get(http, f"{path}/{role}", cleaned, at=at)
        team = [each for each in listed((await get(http, path, at=at))["agents"]) if each["role"] == role]
        assert team in ([one], [])  # the same as in the team, which leaves out who was cleaned up
        return one["agent_status"], one["stuck"], one["is_expired"], one["connection_id"], bool(team)

    assert await shown("builder", version) == ("working", True, False, "a1", True)
    assert await shown("builder", str(dead["since"])) == ("dead", False, True, "a1", True)
    now = str((await get(http, f"{path}/builder"))["since"])
    assert await shown("builder", now) == ("offline", False, False, "a1", False)
    assert await shown("supervisor", now) == ("working", False, False, "k1", True)
    for role, at in (("supervisor", version), ("builder", "1"), ("nobody", now)):
        unknown = http.get(f"{path}/{role}", params={"at": at})
        problem = await refused(unknown, 404, "PARTICIPANT_NOT_FOUND")
        assert at in str(problem["detail"])
    for at in ("99", "yesterday", "2026-01-31T11:05:00"):
        await refused(http.get(f"{path}/builder", params={"at": at}), 422, "INVALID_REQUEST")
    before = {"at": "2020-01-01T00:00:00Z"}
    await refused(http.get(f"{path}/builder", params=before), 404, "CONTRACT_NOT_FOUND")
