"""An agent whose process was stopped for longer than its timeout does nothing any more when it goes on."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic

import pytest
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from makima_local.signals import send_to_one, stopped

from tests.sdk.agent_system import AgentSystem, agent_system

TIMEOUT_SECONDS = 6.0  # so that a busy machine is not what it is lost by
AN_AGENT = """
import asyncio, time
from makima_sdk import Agent, AgentLostError

async def main():
    try:
        async with Agent.default() as agent:
            while True:
                await asyncio.sleep(0.02)
                agent.raise_if_lost()
                print(time.monotonic(), flush=True)
    except AgentLostError as error:
        print("lost:", error.because, flush=True)

asyncio.run(main())
"""


@pytest.fixture
async def system(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[AgentSystem]:
    async with agent_system(
        postgres_server,
        template_database,
        nats_server,
        heartbeat_interval_seconds=1,
        agent_timeout_seconds=TIMEOUT_SECONDS,
    ) as made:
        yield made


@asynccontextmanager
async def running(env: dict[str, str]) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", AN_AGENT, env={**os.environ, **env}, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_a_process_that_slept_past_its_timeout_acts_no_more(system: AgentSystem) -> None:
    contract = await system.contract()
    async with running(system.env(contract)) as process:
        assert process.stdout is not None
        await process.stdout.readline()
        send_to_one(process.pid, signal.SIGSTOP)
        await stopped([process.pid])
        await system.agents.join(contract, "builder", "newer")
        await asyncio.sleep(TIMEOUT_SECONDS + 0.5)  # what is tested: that the time passes
        continued_at = monotonic()
        process.send_signal(signal.SIGCONT)
        *acted_at, end = (await process.stdout.read()).splitlines()
    # A heartbeat that was on its way when it was stopped may have been answered meanwhile.
    assert end in {b"lost: timeout", b"lost: superseded"}
    # It may have been stopped between its question and its act.
    assert len([at for at in acted_at if float(at) >= continued_at]) <= 1
