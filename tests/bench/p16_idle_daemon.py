"""P16: what a daemon with 100 idle agents costs: processor time and memory of its process, without its agents."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import asyncpg
import nats as nats_py
import psutil
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually

from tests.bench.figure import BenchEnv, Figure
from tests.daemon.machine import daemon_process, machine_of
from tests.services.gateway.harness import running

AGENTS = 100
SETTLE_SECONDS = 10.0
MEASURED_SECONDS = 60.0


async def measure(env: BenchEnv) -> list[Figure]:
    nats = await nats_py.connect(env.nats_url)
    settings = Settings(database_url=await env.database(), nats_url=env.nats_url, stream_budget=0.05)
    folder = Path(tempfile.mkdtemp(prefix="mkd-"))
    try:
        async with (
            asyncpg.create_pool(settings.database_url, min_size=1, max_size=4) as pool,
            running(settings, pool, nats, admitting=True) as gateways,
        ):
            machine = await machine_of(gateways, nats, env.nats_url, folder / "workspace")
            machine.commands = {f"r{number}": ("sleep", "100000") for number in range(AGENTS)}
            machine.capacity = AGENTS
            async with daemon_process(machine) as (process, _):
                contract = await machine.contract()
                for role in machine.commands:
                    await machine.started(role, contract)
                await eventually(lambda: len(machine.processes(contract)) == AGENTS)
                await asyncio.sleep(SETTLE_SECONDS)
                daemon = psutil.Process(process.pid)
                before = _used(daemon)
                await asyncio.sleep(MEASURED_SECONDS)
                percent = (_used(daemon) - before) / MEASURED_SECONDS * 100
                memory = daemon.memory_info().rss / 2**20
                process.terminate()
                await process.wait()
    finally:
        await nats.close()
        shutil.rmtree(folder, ignore_errors=True)
    beside = f"of a core, {AGENTS} idle agents"
    return [
        Figure("P16", f"a daemon, {beside}", percent, "%", None, None, "≤ 3 %", percent <= 3),
        Figure(
            "P16", f"its memory, {AGENTS} idle agents", memory, "MiB", None, None, "≤ 150 MiB", memory <= 150
        ),
    ]


def _used(process: psutil.Process) -> float:
    """Seconds of the processor, its own alone."""
    times = process.cpu_times()
    return times.user + times.system
