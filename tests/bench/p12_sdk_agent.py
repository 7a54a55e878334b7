"""P12: what one idle agent of the SDK costs: processor and memory of a process that joins, beats and waits for a
task, beside the same interpreter that only sleeps; and the import of the SDK.
"""

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from statistics import median

import psutil
from makima_sdk import Contracts, Http

from tests.bench.figure import BenchEnv, Figure
from tests.bench.served import TOKEN, provisioned, served

SETTLE_SECONDS = 10.0
SECONDS = 60.0  # two heartbeats, and three requests that wait
IMPORTS = 15

# As where the SDK is installed alone: httpx loads rich, for its command line, where it finds click.
AN_AGENT = """
import sys
sys.modules["click"] = None
import asyncio
from makima_sdk import Agent

async def main():
    async with Agent.default() as agent:
        print("joined", flush=True)
        async for work in agent.tasks():
            pass

asyncio.run(main())
"""
A_SLEEPER = """
import asyncio

async def main():
    print("sleeps", flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


async def measure(env: BenchEnv) -> list[Figure]:
    dsn = await env.database()
    await provisioned(dsn, env.nats_url)
    async with served(dsn, env.nats_url, "contract", "supervisor_heartbeat", "gateway") as (url, _):
        async with Http(url, TOKEN) as http:
            contract = (await Contracts(http).create("idle")).id
        named = {
            "MAKIMA_URL": url,
            "MAKIMA_TOKEN": TOKEN,
            "MAKIMA_CONTRACT": contract,
            "MAKIMA_ROLE": "builder",
        }
        async with _running(AN_AGENT, named) as agent, _running(A_SLEEPER, {}) as sleeper:
            await asyncio.sleep(SETTLE_SECONDS)
            before = _cpu_seconds(agent), _cpu_seconds(sleeper)
            await asyncio.sleep(SECONDS)
            used, slept = (
                100 * (_cpu_seconds(one) - earlier) / SECONDS
                for one, earlier in zip((agent, sleeper), before, strict=True)
            )
            weight, bare = _mib(agent), _mib(sleeper)
    imported, empty = _import_ms("import makima_sdk"), _import_ms("pass")
    beside = "a Python process that sleeps in asyncio"
    return [
        Figure("P12", "processor of one idle SDK agent", used, "% of a core", slept, beside, "≤ 0.1 %", used <= 0.1),
        Figure("P12", "memory of one idle SDK agent", weight, "MiB", bare, beside, "≤ 40 MiB", weight <= 40),
        Figure("P12", "import makima_sdk, with the start of Python, p50", imported, "ms", empty, "python -c pass", "≤ 150 ms more", imported - empty <= 150),
    ]  # fmt: skip


@asynccontextmanager
async def _running(code: str, env: dict[str, str]) -> AsyncGenerator[psutil.Process]:
    process: Process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env={**os.environ, **env}, stdout=PIPE
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline()
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        await process.wait()


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _mib(process: psutil.Process) -> float:
    """What it has for itself: pages that it shares with others are not counted."""
    return float(process.memory_full_info().uss) / 2**20


def _import_ms(statement: str) -> float:
    took: list[float] = []
    for _ in range(IMPORTS):
        began = time.perf_counter()
        psutil.Popen([sys.executable, "-c", statement]).wait()
        took.append((time.perf_counter() - began) * 1000)
    return median(took)
