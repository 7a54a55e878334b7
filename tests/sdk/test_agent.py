"""An agent on the SDK, before the real services: it joins, takes the tasks of its role, and leaves."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_sdk import Agent, Agents, Connection, Contracts, Http, SupersededError
from makima_supervisor_heartbeat import app as heartbeats


@pytest.fixture
async def system(settings: Settings, connection: Connection) -> AsyncIterator[Connection]:
    """With the service that owns agents."""
    async with Service.running(heartbeats.NAME, settings, heartbeats.build):
        yield connection


@pytest.fixture
async def agents(system: Connection) -> AsyncIterator[Agents]:
    async with Http(system.url, system.token) as http:
        yield Agents(http)


async def test_an_agent_takes_the_tasks_of_its_role_as_they_come_and_leaves(
    system: Connection, contracts: Contracts, agents: Agents
) -> None:
    contract = (await contracts.create("a contract")).id
    await contracts.act(contract, "start")
    await contracts.create_task(contract, "first", role="builder")
    await contracts.create_task(contract, "for another", role="tester")
    names: list[str] = []
    async with Agent(contract, "builder", system) as agent:
        async for work in agent.tasks():
            names.append(work.name)
            await work.start()
            if work.name == "first":
                await work.complete(result="built")
                await contracts.create_task(contract, "second", role="builder")
            else:
                await work.handoff("tester", result="built, too")
                break
        assert agent.lost_because is None
    assert names == ["first", "second"]
    known = {task.name: task for task in await contracts.tasks(contract)}
    assert (known["first"].status, known["first"].result) == ("completed", "built")
    assert [task.role for task in known.values() if task.status == "pending"] == ["tester", "tester"]
    assert (await agents.get(contract, "builder")).status_now == "offline"


async def test_a_superseded_agent_is_stopped_where_it_waits(
    system: Connection, contracts: Contracts, agents: Agents
) -> None:
    contract = (await contracts.create("a contract")).id
    old = Agent(contract, "builder", system)
    went_on: list[str] = []

    async def work() -> None:
        async with old:
            await agents.join(contract, "builder", "newer")
            old.report(activity="goes on")
            await asyncio.sleep(60)
            went_on.append("after the fence")

    with pytest.raises(SupersededError):
        await work()
    assert (went_on, old.lost_because, old.lost.is_set()) == ([], "superseded", True)
