"""An agent while makima is away: calls wait, results are kept, and reach it once and in order."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from makima_sdk import Agent

from tests.sdk.agent_system import AgentSystem, agent_system

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("sdk agents away")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[AgentSystem]:
    async with agent_system(
        postgres_server,
        template_database,
        nats_server,
        heartbeat_interval_seconds=1,
        agent_timeout_seconds=60,
    ) as made:
        yield made


AN_AGENT = """
import asyncio, sys
from makima_sdk import Agent

async def main():
    async with Agent.default() as agent:
        works = []
        async for work in agent.tasks():
            await work.start()
            works.append(work)
            if len(works) == 3:
                break
        print("works", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        for work in works:
            agent.step(f"finished {work.name}")
            await work.complete(result=f"result of {work.name}")
        print("kept", agent.undelivered, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_results_of_a_killed_process_are_delivered_once_and_in_order_when_makima_is_back(
    system: AgentSystem, tmp_path: Path
) -> None:
    contract = await system.contract("a", "b", "c")
    spool = tmp_path / "spool"
    env = {**os.environ, **system.env(contract, MAKIMA_SPOOL=str(spool))}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", AN_AGENT, env=env, stdin=pipe, stdout=pipe
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert await process.stdout.readline() == b"works\n"
    system.proxy.take_away()
    process.stdin.write(b"\n")
    assert await process.stdout.readline() == b"kept 6\n"
    process.kill()
    await process.wait()
    system.proxy.bring_back()
    kept = tmp_path / "kept"
    shutil.copy(spool, kept)
    async with Agent(contract, "builder", system.connection, spool=spool) as agent:
        assert agent.undelivered == 0
    delivered = await _delivered(system, contract)
    assert delivered == [part for name in "abc" for part in (f"finished {name}", f"result of {name}")]
    shutil.copy(kept, spool)  # as if the first delivery had been killed before it noted anything
    async with Agent(contract, "builder", system.connection, spool=spool) as agent:
        assert agent.undelivered == 0
    assert await _delivered(system, contract) == delivered


async def _delivered(system: AgentSystem, contract: str) -> list[str]:
    events = await system.events(contract, "MessageSent", "TaskCompleted")
    return [str(event.get("content") or event.get("result")) for event in events]


async def test_a_short_outage_is_waited_for_by_every_call(system: AgentSystem) -> None:
    contract = await system.contract("a", "b")
    async with Agent(contract, "builder", system.connection) as agent:
        tasks = agent.tasks()
        work = await anext(tasks)
        system.proxy.take_away()
        starting = asyncio.create_task(work.start())
        agent.on("away", lambda _: system.proxy.bring_back())
        agent.report(activity="does not notice")
        await starting
        await work.complete()
        work = await anext(tasks)
        assert (work.name, agent.lost_because) == ("b", None)
