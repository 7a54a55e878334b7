"""Who is stuck is counted by the dashboard and by the gauge, as long as it is."""

from datetime import UTC, datetime, timedelta

import httpx
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentJoined, AgentProgressed, AgentStatus, AgentStatusChanged, AgentStuck
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState, SupervisorStuck
from prometheus_client import REGISTRY

from tests.services.gateway.dashboard.looking import dashboard
from tests.services.gateway.harness import Gateways, created, items

NOW = datetime.now(UTC)


async def test_stuck_agents_are_counted_with_stuck_supervisors_until_they_get_on(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    stream, names = f"agent-{contract}:tester", (contract, "tester")
    works = AgentStatusChanged(*names, AgentStatus.READY, AgentStatus.WORKING, "of this test", "x")
    await gateways.append(stream, AgentJoined(*names, "x", "d1"))
    await gateways.append(stream, works)
    await gateways.append(f"agent-{contract}:builder", AgentJoined(contract, "builder", "x", "d1"))
    heard = SupervisorRegistered(contract, "d1", "k1", SupervisorState.WORKING, "plan")
    await gateways.append("supervisor-s1", heard)
    await gateways.append(stream, AgentStuck(*names, "x", NOW, "tests"))
    last = await gateways.append("supervisor-s1", SupervisorStuck(contract, "k1", NOW, "plans"))
    shown = await dashboard(http, last)
    assert (shown["agentCounts"], shown["stuckAgents"]) == ({"ready": 1, "working": 2}, 2)
    listed_as_stuck = {str(agent["role"]) for agent in await items(http, "/agents") if agent["stuck"]}
    assert listed_as_stuck == {"tester", "supervisor"}
    await eventually(lambda: REGISTRY.get_sample_value("makima_agents_stuck") == 2.0, 30)
    last = await gateways.append(stream, AgentProgressed(*names, "x", NOW + timedelta(minutes=11)))
    assert (await dashboard(http, last))["stuckAgents"] == 1
