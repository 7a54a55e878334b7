"""P16: what a daemon with 100 idle agents costs: processor time and memory of its process, without its agents.

Once with agents that it runs, which say nothing here, and once with agents that it holds for coding agents by their
hooks: for those it beats itself, looks whether their processes are there, and tells what these use.
"""

import asyncio
import json
import shutil
import tempfile
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import asyncpg
import nats as nats_py
import psutil
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually

from tests.bench.figure import BenchEnv, Figure
from tests.daemon.machine import Machine, daemon_process, machine_of
from tests.services.gateway.harness import running

AGENTS = 100
SETTLE_SECONDS = 10.0
MEASURED_SECONDS = 60.0  # two beats of each held agent


async def measure(env: BenchEnv) -> list[Figure]:
    nats = await nats_py.connect(env.nats_url)
    settings = Settings(database_url=await env.database(), nats_url=env.nats_url, stream_budget=0.05)
    folder = Path(tempfile.mkdtemp(prefix="mkd-"))
    figures: list[Figure] = []
    try:
        async with (
            asyncpg.create_pool(settings.database_url, min_size=1, max_size=4) as pool,
            running(settings, pool, nats, admitting=True) as gateways,
        ):
            for kind, fill in (("idle agents", _run), ("idle agents held by hooks", _hold)):
                machine = await machine_of(gateways, nats, env.nats_url, folder / kind.split()[-1])
                machine.commands = {f"r{number}": ("sleep", "100000") for number in range(AGENTS)}
                machine.capacity = AGENTS
                figures += await _cost(machine, f"{AGENTS} {kind}", partial(fill, machine))
    finally:
        await nats.close()
        shutil.rmtree(folder, ignore_errors=True)
    return figures


async def _cost(
    machine: Machine, beside: str, fill: Callable[[AsyncExitStack], Awaitable[None]]
) -> list[Figure]:
    async with AsyncExitStack() as opened:
        process, _ = await opened.enter_async_context(daemon_process(machine))
        await fill(opened)
        await asyncio.sleep(SETTLE_SECONDS)
        daemon = psutil.Process(process.pid)
        before = _used(daemon)
        await asyncio.sleep(MEASURED_SECONDS)
        percent = (_used(daemon) - before) / MEASURED_SECONDS * 100
        memory = daemon.memory_info().rss / 2**20
        process.terminate()
        await process.wait()
    return [
        Figure("P16", f"a daemon, of a core, {beside}", percent, "%", None, None, "≤ 3 %", percent <= 3),
        Figure("P16", f"its memory, {beside}", memory, "MiB", None, None, "≤ 150 MiB", memory <= 150),
    ]


async def _run(machine: Machine, _: AsyncExitStack) -> None:
    contract = await machine.contract()
    for role in machine.commands:
        await machine.started(role, contract)
    await eventually(lambda: len(machine.processes(contract)) == AGENTS)


async def _hold(machine: Machine, opened: AsyncExitStack) -> None:
    contract = await machine.contract()
    for role in machine.commands:
        pid = await opened.enter_async_context(_coding_agent())
        await _hook(machine, contract, role, pid)

    async def all_there() -> bool:
        answer = await machine.gateways.clients[0].get(f"/contracts/{contract}/agents")
        return [each["agent_status"] for each in answer.json()["agents"]] == ["ready"] * AGENTS

    await eventually(all_there)


@asynccontextmanager
async def _coding_agent() -> AsyncGenerator[int]:
    process = await asyncio.create_subprocess_exec("sleep", "100000", stdin=DEVNULL)
    try:
        yield process.pid
    finally:
        process.kill()
        await process.wait()


async def _hook(machine: Machine, contract: str, role: str, pid: int) -> None:
    event = {"hook_event_name": "SessionStart", "session_id": f"{machine.daemon_id}-{role}"}
    said = {"op": "hook", "contract_id": contract, "role": role, "pids": [pid], "event": event}
    reader, writer = await asyncio.open_unix_connection(machine.workspace.socket)
    writer.write(json.dumps(said).encode() + b"\n")
    assert json.loads(await reader.readline()) == {"ok": True}
    writer.close()


def _used(process: psutil.Process) -> float:
    """Seconds of the processor, its own alone."""
    times = process.cpu_times()
    return times.user + times.system
