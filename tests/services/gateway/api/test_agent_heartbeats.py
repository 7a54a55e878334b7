"""Heartbeats of agents and supervisors by HTTP: they carry what those over NATS carry, and are read as they are."""

import httpx
import msgspec
import orjson
import pytest
from makima_gateway.api.schemas.agents import AgentHeartbeatRequest, ChildProcess, SupervisorHeartbeatRequest
from makima_gateway.api.schemas.senders import DaemonHeartbeatRequest
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import heartbeat
from makima_schemas.agent import AgentJoined, AgentStatus
from makima_schemas.heartbeat import MAX_HEARTBEAT_BYTES, AgentHeartbeat, DaemonHeartbeat, SupervisorHeartbeat
from makima_schemas.heartbeat_reader import read_agent, read_supervisor
from makima_schemas.supervisor import SupervisorRegistered
from makima_supervisor_heartbeat import app as supervisor_heartbeat
from nats.aio.client import Client
from pydantic import BaseModel

from tests.services.gateway.api.agent_events import beat, join, joined, silent, stored
from tests.services.gateway.harness import Gateways, body, created, listed, refused
from tests.services.gateway.sender_samples import WORKING

CHILD = {"pid": 7, "command": "pytest", "cpu_seconds": 1.5}
TOLD: dict[str, object] = {
    "seq": 7,
    "activity": "runs tests",
    "progress": 40,
    "quiet_until": "2026-01-31T12:00:00Z",
}


async def test_a_heartbeat_is_answered_by_who_is_in_force(
    gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    contract = str((await created(http))["id"])
    assert await beat(http, contract, "a1") == "rejoin_required"
    assert await stored(nats) is None
    position = await join(gateways, contract, "builder")
    assert await beat(http, contract, "a1", position) == "ok"
    assert await beat(http, contract, "a2") == "rejoin_required"
    position = await silent(gateways, contract, "builder")
    assert await beat(http, contract, "a1", position) == "rejoin_required"
    second = AgentJoined(contract, "builder", "a2", "d1", AgentStatus.DEAD)
    position = await gateways.append(f"agent-{contract}:builder", second)
    assert await beat(http, contract, "a2", position) == "ok"
    assert await beat(http, contract, "a1") == "superseded"


async def test_a_heartbeat_by_http_carries_what_one_over_nats_carries(
    gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    contract = str((await created(http))["id"])
    position = await join(gateways, contract, "builder", daemon=None)
    assert await beat(http, contract, "a1", position, told=TOLD) == "ok"
    found = await stored(nats)
    assert found is not None
    subject, data = found
    assert subject.endswith(f".agent._.{contract}.builder")
    assert TOLD.items() <= orjson.loads(data).items()
    told, unfit = read_agent(contract, "builder", data, None)
    assert (told.connection_id, told.activity, told.progress, unfit) == ("a1", "runs tests", 40, None)
    unfit_one = {"activity": "x" * 3000, "progress": 101, "seq": -1, "quiet_until": "soon"}
    assert await beat(http, contract, "a1", told=unfit_one) == "ok"


@pytest.mark.parametrize("member", [*TOLD, "child"])
async def test_a_join_with_anything_that_a_heartbeat_tells_is_a_heartbeat_too(
    settings: Settings, http: httpx.AsyncClient, nats: Client, member: str
) -> None:
    async with Service.running(supervisor_heartbeat.NAME, settings, supervisor_heartbeat.build):
        contract = str((await created(http))["id"])
        await joined(http, contract, "a0", daemon_id="d1")
        assert await stored(nats) is None, "a join that tells nothing of the work is none"
        told = {member: {**TOLD, "child": CHILD}[member]}
        await joined(http, contract, "a1", daemon_id="d1", **told)
        found = await stored(nats)
        assert found is not None
        subject, data = found
        assert subject.endswith(f".agent.d1.{contract}.builder")
        assert {"connection_id": "a1", **told}.items() <= orjson.loads(data).items()


async def test_what_an_agent_joined_with_is_recorded_and_shown(
    settings: Settings, http: httpx.AsyncClient
) -> None:
    async with Service.running(supervisor_heartbeat.NAME, settings, supervisor_heartbeat.build):
        contract = str((await created(http))["id"])
        path = await joined(http, contract, "a1", **TOLD, child=CHILD)

        async def heard() -> list[dict[str, object]]:
            return listed(body(await http.get(f"{path}/heartbeats"))["heartbeats"])

        beats: list[dict[str, object]] = await eventually(heard)
        first = beats[0]
        assert {"activity": "runs tests", "progress": 40, "connection_id": "a1"}.items() <= first.items()

        async def shown() -> dict[str, object]:
            agent = body(await http.get(path))
            return agent if agent["activity"] is not None else {}

        agent = await eventually(shown)
        assert (agent["activity"], agent["progress"], agent["child"]) == ("runs tests", 40, CHILD)
        assert agent["last_heartbeat_at"] == first["timestamp"]
        await refused(http.post(f"{path}/join", json={"connection_id": "a1", "seq": 1, "daemon_id": 7}), 422, "INVALID_REQUEST")  # fmt: skip
        assert len(await heard()) == 1, "what is refused is no heartbeat"


async def test_who_beats_is_never_guessed(gateways: Gateways, http: httpx.AsyncClient, nats: Client) -> None:
    contract = str((await created(http))["id"])
    path = f"/contracts/{contract}/agents/builder"
    await join(gateways, contract, "builder")
    for step in ("join", "heartbeat"):
        for sent in (b"{}", b"[]", b"{", b'{"connection_id": 7}', b'{"connection_id": "a.b"}'):
            answer = http.post(f"{path}/{step}", content=sent, headers={"Content-Type": "application/json"})
            await refused(answer, 422, "INVALID_REQUEST")
        for members in ({"role": "other"}, {"contract_id": "other"}, {"daemon_id": "a.b"}):
            await refused(
                http.post(f"{path}/{step}", json={"connection_id": "a1", **members}), 422, "INVALID_REQUEST"
            )
        large = {"connection_id": "a1", "unknown": "x" * MAX_HEARTBEAT_BYTES}
        await refused(http.post(f"{path}/{step}", json=large), 413, "PAYLOAD_TOO_LARGE")
        problem = await refused(
            http.post(f"/contracts/{contract}/agents/supervisor/{step}", json={"connection_id": "a1"}),
            422,
            "INVALID_REQUEST",
        )
        assert "/supervisor/heartbeat" in str(problem["hint"])
    assert await stored(nats) is None


async def test_a_supervisor_without_nats_beats_by_http(
    gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    contract = str((await created(http))["id"])
    path = f"/contracts/{contract}/supervisor/heartbeat"
    plan = {"task_id": "s1", "state": "working", "phase": "plan", "current_activity": "reads", "progress": 5}
    await refused(http.post(path, json=plan), 422, "INVALID_REQUEST")  # nobody has it, and no daemon is named
    answer = await http.post(path, json={**plan, "daemon_id": "d1", "pending_task_ids": ["t1"]})
    assert body(answer) == {"status": "ok", "interval_seconds": 30.0, "timeout_seconds": 120.0}
    found = await stored(nats)
    assert found is not None
    assert found[0].endswith(".supervisor.d1.s1")
    told, unfit = read_supervisor("s1", found[1], None)
    assert (told.contract_id, told.current_activity, told.pending_task_ids, unfit) == (
        contract,
        "reads",
        ("t1",),
        None,
    )
    position = await gateways.append(
        "supervisor-s1", SupervisorRegistered(contract, "d1", "k1", WORKING, "plan")
    )
    await http.get(f"/contracts/{contract}", headers={"Makima-Min-Position": str(position)})
    assert body(await http.post(path, json={"state": "idle"}))["status"] == "ok"  # of the one that drives it
    other = await http.post(path, json={"state": "idle", "daemon_id": "d2"})
    assert body(other)["status"] == "superseded"
    for unfit_one in ({}, {"state": "dreaming"}, {"state": "interrupted"}, {**plan, "contract_id": "other"}):
        await refused(http.post(path, json=unfit_one), 422, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("over_nats", "by_http"),
    [
        (SupervisorHeartbeat, SupervisorHeartbeatRequest),
        (AgentHeartbeat, AgentHeartbeatRequest),
        (DaemonHeartbeat, DaemonHeartbeatRequest),
        (heartbeat.ChildProcess, ChildProcess),
    ],
)
def test_the_schemas_of_http_name_what_may_be_sent_over_nats(
    over_nats: type[msgspec.Struct], by_http: type[BaseModel]
) -> None:
    of_the_path = {"contract_id", "role"} if over_nats is AgentHeartbeat else set[str]()
    assert set(over_nats.__struct_fields__) - of_the_path <= set(by_http.model_fields)
