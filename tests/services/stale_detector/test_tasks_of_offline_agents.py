"""What a role holds whose agent is offline: nobody comes back to it, so it returns as that of a dead one does."""

import asyncpg
import pytest
from makima_contract import app as contract_app
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged
from makima_schemas.codec import Event
from makima_schemas.contract import events as e
from nats.aio.client import Client

from tests.contracts_in_the_log import CREATED
from tests.services.stale_detector.harness import Running, quick, running

S = AgentStatus
WENT: dict[str, tuple[Event, ...]] = {
    "left": (AgentLeft("c1", "builder", "k1"),),
    "cleaned up": (
        AgentStatusChanged("c1", "builder", S.READY, S.DEAD, "heartbeat_expired"),
        AgentStatusChanged("c1", "builder", S.DEAD, S.OFFLINE, "cleanup"),
    ),
}


@pytest.fixture
def impatient(database: str, nats_url: str) -> Settings:
    settings = quick(database, nats_url)
    times = {"task_claimed_timeout_seconds": 0.8}
    return settings.model_copy(update={"contracts": settings.contracts.model_copy(update=times)})


async def released(system: Running) -> list[e.TaskReleased]:
    return [event for event in await system.events("contract-c1") if isinstance(event, e.TaskReleased)]


@pytest.mark.parametrize("went", WENT)
async def test_what_a_role_holds_whose_agent_is_offline_returns_once(
    impatient: Settings, pool: asyncpg.Pool, nats: Client, went: str
) -> None:
    """Two detectors. A script claimed for the role after its agent had gone, so that no leave returns it; another role's
    agent is there, and keeps its task.
    """
    await provision(nats, Log(pool), budget=0.01)
    async with (
        Service.running(contract_app.NAME, impatient, contract_app.build),
        running(impatient, pool, nats, replicas=2, owner=False) as system,
    ):
        await system.record("agent-c1:builder", AgentJoined("c1", "builder", "k1", "d1"), *WENT[went])
        await system.record("agent-c1:tester", AgentJoined("c1", "tester", "k2", "d1"))
        version = 1 + len(WENT[went])
        await system.record(
            "contract-c1",
            CREATED,
            e.ContractStarted(),
            e.TaskCreated("t1", "write", "plan", "builder"),
            e.TaskCreated("t2", "read", "plan", "builder"),
            e.TaskCreated("t3", "test", "plan", "tester"),
            e.TaskClaimed("t3", "tester", "k2", 1),
            e.TaskClaimed("t1", "builder", "script", version),
            e.TaskClaimed("t2", "builder", "script", version),
            e.TaskStarted("t2", "script", version),
        )

        async def both_returned() -> bool:
            return len(await released(system)) >= 2

        await eventually(both_returned, because="what an absent agent's role holds was not returned")
        assert await released(system) == [
            e.TaskReleased("t1", "agent_offline"),
            e.TaskReleased("t2", "agent_offline"),
        ]
