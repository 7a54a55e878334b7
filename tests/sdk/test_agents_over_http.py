"""The typed client of agents: an agent's life, and what a server from before `agent_status` says of one."""

from collections.abc import AsyncIterator

import pytest
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_schemas.agent import AgentStatus
from makima_sdk import AgentRecord, Agents, Contracts, Http, ProblemError
from makima_supervisor_heartbeat import app as heartbeats

from tests.services.gateway.harness import ADMIN, Gateways

A = AgentStatus


@pytest.fixture
async def http_client(gateways: Gateways, settings: Settings) -> AsyncIterator[Http]:
    """Of a system with the service that owns agents."""
    url = str(gateways.clients[0].base_url).removesuffix("/api/v1/")
    async with (
        Service.running(heartbeats.NAME, settings, heartbeats.build),
        Http(url, ADMIN) as client,
    ):
        yield client


async def test_an_agent_joins_is_listed_beats_and_leaves(http_client: Http) -> None:
    agents = Agents(http_client)
    contract = (await Contracts(http_client).create("a contract")).id
    assert (await agents.heartbeat(contract, "builder", "k1")).status == "rejoin_required"
    joined = await agents.join(contract, "builder", "k1", daemon_id="d1")
    assert (joined.status, joined.interval_seconds, joined.timeout_seconds) == ("ok", 30.0, 90.0)
    assert (await agents.heartbeat(contract, "builder", "k1", seq=1, activity="reads")).status == "ok"
    shown = await agents.team(contract)
    assert [(each.role, each.status_now, each.connection_id) for each in shown.agents] == [
        ("builder", A.READY, "k1")
    ]
    assert shown.team.ready
    assert [each.role for each in (await agents.page({"status": "ready"})).items] == ["builder"]
    await agents.join(contract, "builder", "k2", daemon_id="d1")
    assert (await agents.heartbeat(contract, "builder", "k1")).status == "superseded"
    with pytest.raises(ProblemError) as fenced:
        await agents.join(contract, "builder", "k1")
    assert fenced.value.code == "SUPERSEDED"
    await agents.leave(contract, "builder", "k2")
    assert (await agents.get(contract, "builder")).status_now is A.OFFLINE
    assert (await agents.heartbeat(contract, "builder", "k2")).status == "rejoin_required"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"is_expired": True, "status": "active"}, A.DEAD),
        ({"status": "active"}, A.WORKING),
        ({"status": "waiting"}, A.READY),
        ({}, A.OFFLINE),
        ({"is_expired": True, "agent_status": A.RESTARTING}, A.RESTARTING),
    ],
)
def test_a_record_without_agent_status_is_read_as_what_it_means(
    record: dict[str, object], expected: A
) -> None:
    assert AgentRecord("c1", "builder", **record).status_now is expected  # pyright: ignore[reportArgumentType]
