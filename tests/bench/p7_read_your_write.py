"""P7: from an HTTP write to the answer that reads it, 100 writes a second, beside a bare route that inserts one row and commits."""

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
from makima_kernel.bus.topology import provision
from makima_kernel.log.read import Log
from makima_local import ports
from makima_local.processes import Program, Runner
from makima_schemas.credentials import hash_of

from tests.bench.figure import BenchEnv, Figure
from tests.bench.lean_http import LeanHttp

WRITES_PER_SECOND = 100
SECONDS = 20.0
WARM_UP_SECONDS = 3.0
START_SECONDS = 30.0
ROOT = Path(__file__).parent.parent.parent

TOKEN = "mk_an-administrator-of-the-benchmark"
BODY = b'{"name": "a contract"}'

Write = Callable[[LeanHttp], Awaitable[None]]


async def measure(env: BenchEnv) -> list[Figure]:
    dsn = await env.database()
    await _provisioned(dsn, env.nats_url)
    async with _served(dsn, env.nats_url) as (ours, bare):
        for seconds in (WARM_UP_SECONDS, SECONDS):
            plain = await drive(bare, insert_row, seconds)
            measured = await drive(ours, create_contract, seconds)
    (p50, p99), (plain_p50, plain_p99) = _percentiles(measured), _percentiles(plain)
    what, beside = f"HTTP write → answer that reads it, {WRITES_PER_SECOND}/s", "a bare route: one insert, committed"
    return [
        Figure("P7", f"{what}, p50", p50, "ms", plain_p50, beside, "≤ 15 ms", p50 <= 15),
        Figure("P7", f"{what}, p99", p99, "ms", plain_p99, beside, "≤ 60 ms", p99 <= 60),
    ]


async def drive(url: str, write: Write, seconds: float) -> list[float]:
    """Milliseconds of each write, counted from when it was due: one that has to wait for its turn has waited."""
    latencies: list[float] = []

    async def one(due: float) -> None:
        await write(client)
        latencies.append((time.perf_counter() - due) * 1000)

    async with aclosing(LeanHttp.to(url, TOKEN)) as client, asyncio.TaskGroup() as writes:
        begin = time.perf_counter()
        for number in range(int(seconds * WRITES_PER_SECOND)):
            due = begin + number / WRITES_PER_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writes.create_task(one(due))
    return latencies


async def create_contract(client: LeanHttp) -> None:
    answer = await client.post("/api/v1/contracts", BODY)
    if answer.status != 201 or "makima-read-behind" in answer.headers:
        raise RuntimeError(f"the answer does not read the write: {answer}")


async def insert_row(client: LeanHttp) -> None:
    answer = await client.post("/rows", BODY)
    if answer.status != 201:
        raise RuntimeError(f"the row was not inserted: {answer}")


@asynccontextmanager
async def _served(dsn: str, nats_url: str) -> AsyncGenerator[tuple[str, str]]:
    """The gateway with the contract service, and the bare route, each a process of its own: their addresses."""
    port, bare_port = ports.free(), ports.free()
    env = {"MAKIMA_DATABASE_URL": dsn, "MAKIMA_NATS_URL": nats_url, "MAKIMA_STREAM_BUDGET": "0.01"}
    with TemporaryDirectory() as folder:
        logs = Path(folder)
        async with Runner() as runner:
            for name, more in (
                ("contract", {}),
                ("gateway", {"MAKIMA_PORT": str(port), "MAKIMA_ADMIN_TOKEN_SHA256": hash_of(TOKEN).hex()}),
            ):
                health = ports.free()
                command = (sys.executable, "-m", f"services.{name}")
                own = {**env, **more, "MAKIMA_HEALTH_PORT": str(health)}
                runner.start(Program(name, command, ROOT, logs / f"{name}.log", health, own))
            bare = {"BARE_DATABASE_URL": dsn, "BARE_PORT": str(bare_port)}
            runner.start(Program("bare", (sys.executable, "-m", "tests.bench.bare_route"), ROOT, logs / "bare.log", env=bare))
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


async def _provisioned(dsn: str, nats_url: str) -> None:
    nats = await nats_py.connect(nats_url)
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        await provision(nats, Log(pool), budget=0.01)
    await nats.close()


def _percentiles(latencies: list[float]) -> tuple[float, float]:
    cuts = quantiles(latencies, n=100)
    return cuts[49], cuts[98]
