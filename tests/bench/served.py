"""A gateway as processes of its own, a bare route on the same database beside it, and requests at a steady
pace.
"""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import asyncpg
import httpx
import nats as nats_py
from makima_kernel.credentials import hash_of
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_local import ports
from makima_local.processes import Program, Runner

from tests.bench.lean_http import LeanHttp

START_SECONDS = 30.0
ROOT = Path(__file__).parent.parent.parent
TOKEN = "mk_an-administrator-of-the-benchmark"

Ask = Callable[[LeanHttp], Awaitable[None]]


async def drive(url: str, ask: Ask, rate: int, seconds: float) -> list[float]:
    """Milliseconds of each request, counted from when it was due: one that has to wait for its turn has
    waited.
    """
    latencies: list[float] = []

    async def one(due: float) -> None:
        await ask(client)
        latencies.append((time.perf_counter() - due) * 1000)

    async with aclosing(LeanHttp.to(url, TOKEN)) as client, asyncio.TaskGroup() as asking:
        begin = time.perf_counter()
        for number in range(int(seconds * rate)):
            due = begin + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            asking.create_task(one(due))
    return latencies


def percentiles(latencies: list[float]) -> tuple[float, float]:
    """p50 and p99."""
    cuts = quantiles(latencies, n=100)
    return cuts[49], cuts[98]


async def provisioned(dsn: str, nats_url: str) -> None:
    nats = await nats_py.connect(nats_url)
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        await provision(nats, Log(pool), budget=0.01)
    await nats.close()


@asynccontextmanager
async def served(dsn: str, nats_url: str, *services: str) -> AsyncGenerator[tuple[str, str]]:
    """The addresses of the gateway, which is one of `services`, and of the bare route."""
    port, bare_port = ports.free(), ports.free()
    env = {"MAKIMA_DATABASE_URL": dsn, "MAKIMA_NATS_URL": nats_url, "MAKIMA_STREAM_BUDGET": "0.01"}
    of_gateway = {"MAKIMA_PORT": str(port), "MAKIMA_ADMIN_TOKEN_SHA256": hash_of(TOKEN).hex()}
    with TemporaryDirectory() as folder:
        logs = Path(folder)
        async with Runner() as runner:
            for name in services:
                health = ports.free()
                own = {**env, **(of_gateway if name == "gateway" else {}), "MAKIMA_HEALTH_PORT": str(health)}
                runner.start(
                    Program(
                        name,
                        (sys.executable, "-m", f"makima_{name}"),
                        ROOT,
                        logs / f"{name}.log",
                        health,
                        own,
                    )
                )
            bare = {"BARE_DATABASE_URL": dsn, "BARE_PORT": str(bare_port)}
            runner.start(
                Program(
                    "bare",
                    (sys.executable, "-m", "tests.bench.bare_route"),
                    ROOT,
                    logs / "bare.log",
                    env=bare,
                )
            )
            await runner.ready()
            await _answers(f"http://127.0.0.1:{bare_port}/docs")
            yield f"http://127.0.0.1:{port}", f"http://127.0.0.1:{bare_port}"


async def _answers(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    async with httpx.AsyncClient() as client:
        while True:
            try:
                (await client.get(url)).raise_for_status()
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)
            else:
                return
