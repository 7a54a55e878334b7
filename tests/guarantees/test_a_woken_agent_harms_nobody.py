"""An agent's process that was frozen past its timeout: if another one has its role it is nobody any more, by HTTP and by
NATS alike; if nobody has, it comes back under its own id, with its task.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import httpx
import orjson
import pytest
from makima_kernel.service.contracts_settings import ContractsSettings
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.agent import AgentJoined, AgentStatusChanged
from makima_schemas.codec import Event, decode
from makima_schemas.contract import events as e
from makima_stale_detector import app as detector
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.background import end
from tests.guarantees.agent_process import AgentProcess, Place, agent_process
from tests.services.gateway.harness import Gateways, act, body, created, running

TIMEOUT = 2.5  # of an agent, seconds
BEATS = 0.2  # seconds


@dataclass
class Team:
    """A contract of the daemon d1, with the task t1 for the role builder."""

    gateways: Gateways
    http: httpx.AsyncClient
    place: Place
    task_id: str
    signals: list[tuple[str, dict[str, object]]] = field(default_factory=list[tuple[str, dict[str, object]]])

    @property
    def role(self) -> str:
        return f"/contracts/{self.place.contract_id}/agents/builder"

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[AgentProcess]:
        """A process that has joined as p1, and has claimed and started its task."""
        async with agent_process(self.place) as agent:
            assert (await agent.do("claim", self.task_id))[0] == "ok"
            assert (await agent.do("start", self.task_id))[0] == "ok"
            yield agent

    @asynccontextmanager
    async def beating(self, connection_id: str) -> AsyncGenerator[None]:
        """Another process lives meanwhile in this role, and beats."""

        async def beat() -> None:
            while True:
                await self.http.post(f"{self.role}/heartbeat", json={"connection_id": connection_id})
                await asyncio.sleep(BEATS)

        beats = asyncio.create_task(beat())
        yield
        await end(beats)

    async def events(self, stream: str, kind: type[Event]) -> list[Event]:
        recorded = await self.gateways.log.stream("default", stream)
        found = [decode(each.type, each.schema, each.data) for each in recorded]
        return [each for each in found if isinstance(each, kind)]

    async def of_agent(self, kind: type[Event]) -> list[Event]:
        return await self.events(f"agent-{self.place.contract_id}:builder", kind)

    async def of_task(self, kind: type[Event]) -> list[Event]:
        found = await self.events(f"contract-{self.place.contract_id}", kind)
        return [each for each in found if getattr(each, "task_id", None) == self.task_id]

    async def dies(self) -> None:
        """Wait for the verdict."""

        async def dead() -> bool:
            changes = await self.of_agent(AgentStatusChanged)
            return any(getattr(each, "trigger", "") == "heartbeat_expired" for each in changes)

        await eventually(dead, 30, because="the frozen agent was not declared dead")


@pytest.fixture
async def team(database: str, nats_url: str, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Team]:
    quick = ContractsSettings(
        heartbeat_interval_seconds=BEATS,
        heartbeat_timeout_seconds=10.0,
        agent_timeout_seconds=TIMEOUT,
        reconnect_grace_seconds=0.5,
    )
    settings = Settings(database_url=database, nats_url=nats_url, stream_budget=0.01, contracts=quick)
    async with AsyncExitStack() as stack:
        gateways = await stack.enter_async_context(running(settings, pool, nats, admitting=True))
        await stack.enter_async_context(Service.running(detector.NAME, settings, detector.build))
        http = gateways.clients[0]
        contract_id = str((await created(http))["id"])
        await act(http, contract_id, "start")
        await gateways.append(f"contract-{contract_id}", e.ContractAssigned("d1", "placed"))
        issued = await http.post("/tokens", json={"role": "daemon", "daemon_id": "d1"})
        task = body(await http.post(f"/contracts/{contract_id}/tasks", json={"name": "write"}))
        url = str(http.base_url).removesuffix("/api/v1/")
        place = Place(url, str(body(issued)["token"]), nats_url, "d1", contract_id, "builder", "p1")
        made = Team(gateways, http, place, str(task["id"]))

        async def hear(message: Msg) -> None:
            made.signals.append((message.subject.rpartition(".")[2], orjson.loads(message.data)))

        listening = await nats.subscribe(subjects.daemon_signal("d1", ">"), cb=hear)
        yield made
        await listening.unsubscribe()


async def test_a_zombies_beats_claims_and_completions_are_refused_by_http_and_by_nats(team: Team) -> None:
    async with team.working() as zombie:
        await zombie.process.freeze()
        await team.dies()
        new = {"connection_id": "p2"}
        assert (await team.http.post(f"{team.role}/join", json=new)).status_code == 200
        async with team.beating("p2"):
            await _meets_its_successor(team, zombie, new)
    assert len(await team.of_task(e.TaskCompleted)) == 1
    assert len(await team.of_task(e.TaskReleased)) == 1
    claims = [getattr(each, "connection_id", None) for each in await team.of_task(e.TaskClaimed)]
    assert claims == ["p1", "p2"]
    joins = [getattr(each, "connection_id", None) for each in await team.of_agent(AgentJoined)]
    assert joins == ["p1", "p2"], "its join by NATS and by HTTP was one"

    async def idle() -> bool:  # its status follows its tasks
        agent = body(await team.http.get(team.role))
        assert agent["connection_id"] == "p2"
        return agent["agent_status"] in {"ready", "dead"}

    await eventually(idle)


async def _meets_its_successor(team: Team, zombie: AgentProcess, new: dict[str, str]) -> None:
    """It is woken while another process has its role."""
    tasks = f"/contracts/{team.place.contract_id}/tasks"

    async def claimed() -> bool:  # once it is pending again
        claim = {**new, "role": "builder"}
        return (await team.http.post(f"{tasks}/{team.task_id}/claim", json=claim)).status_code == 200

    await eventually(claimed)
    other = str(body(await team.http.post(tasks, json={"name": "read"}))["id"])
    team.signals.clear()
    zombie.process.thaw()
    told = {"contract_id": team.place.contract_id, "role": "builder", "connection_id": "p1"}
    await eventually(
        lambda: ("superseded", told) in [(kind, {**said, **told}) for kind, said in team.signals]
    )

    async def knows() -> bool:
        return (await zombie.answers())[-1:] == ["superseded"]

    await eventually(knows)
    refused = ("SUPERSEDED", "SUPERSEDED")
    for order, task_id in (
        ("claim", other),
        ("complete", team.task_id),
        ("start", team.task_id),
        ("release", team.task_id),
        ("join", ""),
    ):
        assert await zombie.do(order, task_id) == refused, order
    await zombie.answers()
    await eventually(knows)
    done = {**new, "success": True}
    assert (await team.http.post(f"{tasks}/{team.task_id}/complete", json=done)).status_code == 200


async def test_a_frozen_process_that_nobody_replaced_comes_back_with_its_task_and_completes_it(
    team: Team,
) -> None:
    async with team.working() as agent:
        await agent.process.freeze()
        await team.dies()
        agent.process.thaw()

        async def asked() -> bool:
            return (await agent.answers())[-1:] == ["rejoin_required"]

        await eventually(asked)
        assert await agent.do("complete", team.task_id) == ("REJOIN_REQUIRED", "REJOIN_REQUIRED")
        assert await agent.do("join") == ("ok", "ok")
        shown = body(await team.http.get(team.role))
        assert (shown["connection_id"], shown["agent_status"]) == ("p1", "working")
        assert (await agent.do("complete", team.task_id))[0] == "ok"
        assert ("rejoin_required", "p1") in [(kind, said["connection_id"]) for kind, said in team.signals]
    assert await team.of_task(e.TaskReleased) == []
    assert len(await team.of_task(e.TaskClaimed)) == len(await team.of_task(e.TaskCompleted)) == 1
