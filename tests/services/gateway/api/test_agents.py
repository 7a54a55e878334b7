"""Agents over HTTP: who is in a contract's team, and in whose, and why one was declared dead."""

from datetime import UTC, datetime, timedelta
from typing import cast

import httpx
import orjson
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.agent import AgentStatus, AgentStuck
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged, SupervisorStuck
from makima_schemas.times import rfc3339
from nats.aio.client import Client

from tests.services.gateway.api.agent_events import become, get, join, leave, silent, statuses
from tests.services.gateway.harness import Gateways, act, created, items, listed, refused
from tests.services.gateway.sender_samples import EVIDENCE, INTERRUPTED, NOW, WORKING


async def test_a_contracts_agents_are_listed_with_what_its_team_lacks(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    path = f"/contracts/{contract}/agents"
    assert await get(http, path) == {
        "agents": [],
        "team": {"ready": True, "expected_roles": [], "missing_roles": []},
    }
    await refused(http.get(f"{path}/builder"), 404, "PARTICIPANT_NOT_FOUND")
    for role in ("builder", "reviewer"):
        await http.post(f"/contracts/{contract}/tasks", json={"name": "a task", "role": role})
    await join(gateways, contract, "builder")
    await join(gateways, contract, "tester")
    await leave(gateways, contract, "tester")
    position = await join(gateways, contract, "writer")
    shown = await get(http, path, position)
    assert statuses(shown) == {"builder": "ready", "tester": "offline", "writer": "ready"}
    assert shown["team"] == {
        "ready": False, "expected_roles": ["builder", "reviewer", "writer"], "missing_roles": ["reviewer"],
    }  # fmt: skip
    await silent(gateways, contract, "writer")
    position = await join(gateways, contract, "reviewer")
    assert (await get(http, path, position))["team"] == {
        "ready": False, "expected_roles": ["builder", "reviewer", "writer"], "missing_roles": ["writer"],
    }  # fmt: skip
    position = await become(
        gateways, contract, "writer", AgentStatus.OFFLINE, "cleanup", old=AgentStatus.DEAD
    )
    shown = await get(http, path, position)
    assert (cast("dict[str, object]", shown["team"])["ready"], "writer" in statuses(shown)) == (True, False)
    assert (await get(http, f"{path}/writer"))[
        "agent_status"
    ] == "offline"  # hidden, and still shown by its own route
    await refused(http.get("/contracts/nobody/agents"), 404, "CONTRACT_NOT_FOUND")


async def test_older_readers_see_until_when_an_agent_is_ready_and_when_it_expired(
    gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    contract = str((await created(http))["id"])
    path = f"/contracts/{contract}/agents/builder"
    shown = await get(http, path, await join(gateways, contract, "builder"))
    assert set(shown) == {
        "contract_id", "role", "agent_status", "status", "ready_until", "is_expired", "stuck", "progress_at", "connection_id",
        "daemon_id", "since", "evidence",
        "contract_name", "last_heartbeat_at", "interval_seconds", "timeout_seconds", "activity", "progress", "child", "task", "restarts", "beats",
        "quiet_until", "restart_refused",
    }  # fmt: skip
    joined = datetime.fromisoformat(str(shown["since"]))
    assert datetime.fromisoformat(str(shown["ready_until"])) == joined + timedelta(seconds=90)
    assert (shown["status"], shown["is_expired"], shown["stuck"]) == ("waiting", False, False)
    heard = joined + timedelta(seconds=30)
    state = {"contract_id": contract, "connection_id": "a1", "last_heartbeat": rfc3339(heard)}

    async def later() -> bool:
        await nats.publish(subjects.state("agent", f"{contract}:builder"), orjson.dumps(state))
        until = datetime.fromisoformat(str((await get(http, path))["ready_until"]))
        return until == heard + timedelta(seconds=90)

    await eventually(later)
    position = await become(gateways, contract, "builder", AgentStatus.WORKING, "task_taken")
    assert (await get(http, path, position))["status"] == "active"
    shown = await get(http, path, await silent(gateways, contract, "builder"))
    assert (shown["agent_status"], shown["is_expired"], shown["ready_until"]) == ("dead", True, None)
    assert cast("dict[str, object]", shown["evidence"])["decided_by"] == "test"


async def test_agents_of_all_contracts_are_paged_and_filtered(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    names = sorted([str((await created(http))["id"]) for _ in range(3)])
    for name in names:
        await join(gateways, name, "builder")
        await join(gateways, name, "writer")
    await silent(gateways, names[1], "writer")
    await become(gateways, names[2], "builder", AgentStatus.DEAD_FAILED_REVIVE, "restart_exhausted")
    supervisor = SupervisorRegistered(names[0], "d1", "k1", WORKING, "plan")
    position = await gateways.append("supervisor-s1", supervisor)
    everyone = [(name, role) for name in names for role in ("builder", "writer")]
    everyone = sorted([*everyone, (names[0], "supervisor")])
    found, query = list[tuple[str, str]](), {"limit": "2"}
    while True:
        page = await get(http, "/agents", position, **query)
        found += [(str(each["contract_id"]), str(each["role"])) for each in listed(page["items"])]
        if page["next_cursor"] is None:
            break
        query["cursor"] = str(page["next_cursor"])
    assert found == everyone

    async def of(**filters: str) -> list[tuple[str, str]]:
        return [
            (str(each["contract_id"]), str(each["role"])) for each in await items(http, "/agents", **filters)
        ]

    assert await of(status="dead,dead_failed_revive") == [(names[1], "writer"), (names[2], "builder")]
    assert await of(status="working") == [(names[0], "supervisor")]
    assert (await of(stuck="true"), await of(stuck="false")) == ([], everyone)
    at = datetime(2026, 1, 31, 11, 5, tzinfo=UTC)
    await become(gateways, names[1], "builder", AgentStatus.WORKING, "task_taken")
    await gateways.append(f"agent-{names[1]}:builder", AgentStuck(names[1], "builder", "a1", at, "testing"))
    position = await gateways.append("supervisor-s1", SupervisorStuck(names[0], "k1", at, None))
    shown = await get(http, f"/contracts/{names[1]}/agents/builder", position)
    assert (shown["stuck"], shown["progress_at"]) == (True, rfc3339(at))
    assert await of(stuck="true") == [(names[0], "supervisor"), (names[1], "builder")]
    assert (await get(http, f"/contracts/{names[0]}/supervisor/status"))["stuck"] is True
    problem = await refused(http.get("/agents", params={"status": "asleep"}), 422, "INVALID_REQUEST")
    assert "dead_failed_revive" in str(problem["errors"])
    await refused(http.get("/agents", params={"cursor": "WyJ0YXNrcyIsNDJd"}), 422, "INVALID_REQUEST")


async def test_nobody_of_an_archived_contract_is_in_a_list_or_a_count_and_its_history_is_told(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    supervisor = (contract, "d1", "k1")
    await gateways.append("supervisor-s1", SupervisorRegistered(*supervisor, WORKING, "plan"))
    verdict = SupervisorStateChanged(*supervisor, WORKING, INTERRUPTED, "plan", "heartbeat_expired", EVIDENCE)
    await gateways.append("supervisor-s1", verdict)
    await http.post(f"/contracts/{contract}/tasks", json={"name": "write", "role": "reviewer"})
    await join(gateways, contract, "builder")
    position = await silent(gateways, contract, "builder")
    path = f"/contracts/{contract}/agents"
    before = await get(http, path, position)
    assert statuses(before) == {"builder": "dead", "supervisor": "dead"}
    await act(http, contract, "complete")
    shown = await get(http, path)
    assert statuses(shown)["supervisor"] == "offline"
    assert "reviewer" not in str(shown["team"]), "nothing is expected of anybody"
    await act(http, contract, "archive")
    assert await get(http, path) == {
        "agents": [],
        "team": {"ready": True, "expected_roles": [], "missing_roles": []},
    }
    everyone = await get(http, "/agents")
    assert (everyone["items"], everyone["total"], everyone["stuck"]) == ([], 0, 0)
    assert set(cast("dict[str, int]", everyone["counts"]).values()) == {0}
    assert (await get(http, "/contracts/dashboard"))["agentCounts"] == {}
    assert (await get(http, f"/contracts/{contract}/health"))["reasons"] == []
    assert statuses(await get(http, path, at=str(listed(before["agents"])[0]["since"]))) == statuses(before)
    assert (await get(http, f"{path}/builder"))["agent_status"] == "dead"
    for role in ("builder", "supervisor"):
        (newest, *_) = listed((await get(http, f"{path}/{role}/life"))["items"])
        assert newest["to"] == "dead"
        assert len(listed((await get(http, f"{path}/{role}/verdicts"))["verdicts"])) == 1


async def test_verdicts_are_listed_with_their_evidence(gateways: Gateways, http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    await join(gateways, contract, "builder")
    await become(gateways, contract, "builder", AgentStatus.WORKING, "task_taken")
    await silent(gateways, contract, "builder")
    supervisor = (contract, "d1", "k1")
    await gateways.append("daemon-d1", DaemonConnected("one"))
    await gateways.append("supervisor-s1", SupervisorRegistered(*supervisor, WORKING, "plan"))
    verdict = SupervisorStateChanged(*supervisor, WORKING, INTERRUPTED, "plan", "heartbeat_expired", EVIDENCE)
    await gateways.append("supervisor-s1", verdict)
    position = await gateways.append("daemon-d1", DaemonDisconnected(EVIDENCE))
    for path, stream, new, connection in (
        (f"/contracts/{contract}/agents/builder/verdicts", f"agent-{contract}:builder", "dead", "a1"),
        (f"/contracts/{contract}/agents/supervisor/verdicts", "supervisor-s1", "dead", "k1"),
        ("/daemons/d1/verdicts", "daemon-d1", "disconnected", None),
    ):
        (shown,) = listed((await get(http, path, position))["verdicts"])
        assert (shown["stream"], shown["new_status"], shown["connection_id"]) == (stream, new, connection)
        evidence = cast("dict[str, object]", shown["evidence"])
        assert (evidence["decided_by"], evidence["last_heartbeat_at"]) == ("test", rfc3339(NOW))
        assert (await gateways.log.after(cast("int", shown["position"]) - 1, 1))[0].stream == stream
    await refused(http.get(f"/contracts/{contract}/agents/nobody/verdicts"), 404, "PARTICIPANT_NOT_FOUND")
    await refused(http.get("/daemons/d9/verdicts"), 404, "DAEMON_NOT_FOUND")
