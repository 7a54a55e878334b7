"""P5 and P6: how late a verdict comes under 30 000 heartbeats a second, how soon a restarted detector sees, beside a naive detector."""

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import cast

import asyncpg
import nats
import orjson
import psutil
from makima_kernel.bus.topology import provision
from makima_kernel.log.read import Log
from makima_kernel.testing import eventually
from makima_local import ports
from makima_local.probe import unready
from makima_schemas import subjects
from makima_schemas.commands import Accepted, encode_reply
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.bench.figure import BenchEnv, Figure
from tests.bench.heartbeat_fleet import daemon_of
from tests.bench.naive_detector import VERDICTS

RATE = 30_000
ROOT = Path(__file__).parent.parent.parent
GRACE = 3.0


@dataclass(frozen=True, slots=True)
class Load:
    """`trickle` senders die one after the other over `over` seconds, then `burst` at once."""

    senders: int
    timeout: float
    trickle: int
    over: float
    burst: int

    @property
    def interval(self) -> float:
        return self.senders / RATE


HUNDRED_THOUSAND = Load(senders=100_000, timeout=12.0, trickle=1_000, over=20.0, burst=10_000)


@dataclass
class Court:
    """Stands for the owner of the senders: agrees at once, and notes how late each verdict came, by the wall clock, in ms."""

    timeout: float
    late: dict[str, float] = field(default_factory=dict[str, float])
    naive: dict[str, float] = field(default_factory=dict[str, float])

    async def declare(self, message: Msg) -> None:
        now = time.time()
        requests = orjson.loads(message.data)["silent"]
        for request in requests:
            last = datetime.fromisoformat(request["data"]["evidence"]["last_heartbeat_at"]).timestamp()
            self.late.setdefault(request["target"], 1000 * (now - last - self.timeout))
        await message.respond(encode_reply({"silent": [Accepted(1, 1)] * len(requests), "disconnected": []}))

    async def overhear(self, message: Msg) -> None:
        sender, last = message.data.decode().split()
        self.naive.setdefault(sender.partition(":")[2], 1000 * (time.time() - float(last) - self.timeout))


async def measure(env: BenchEnv) -> list[Figure]:
    return await verdicts(env, HUNDRED_THOUSAND, "100,000 tracked", p99_ms=250.0, restart_seconds=10.0)


async def verdicts(env: BenchEnv, load: Load, what: str, *, p99_ms: float, restart_seconds: float) -> list[Figure]:
    dsn = await env.database()
    court = Court(load.timeout)
    client = await nats.connect(env.nats_url, max_reconnect_attempts=-1, ping_interval=60)
    await client.subscribe(subjects.command("supervisor_heartbeat", "declare_all"), cb=court.declare)
    await client.subscribe(VERDICTS, cb=court.overhear)
    await prepare(dsn, client, load.senders)
    async with fleet(env.nats_url, load) as senders, process("tests.bench.naive_detector", env.nats_url, str(load.timeout)):
        await full(client, load.senders)
        async with detector(dsn, env.nats_url, load) as (running, _):
            await tell(senders, 0, load.trickle, load.over)
            await judged(court, 0, load.trickle, load.over + 2 * load.timeout)
            await tell(senders, load.trickle, load.trickle + load.burst, 0.0)
            await judged(court, load.trickle, load.trickle + load.burst, load.interval + 2 * load.timeout)
            memory = psutil.Process(running.pid).memory_info().rss / 2**20
            used = psutil.Process(running.pid).cpu_percent(interval=3.0)
        async with detector(dsn, env.nats_url, load) as (_, started_in):
            figures = report(court, load, what, p99_ms)
            false = await while_the_broker_stands(env, court, load)
    await client.close()
    restarted = f"detector restart, {what}: until it judges again"
    asleep = f"false verdicts after the broker stood still for {load.timeout + 3:.0f} s, {what}"
    return [
        *figures,
        Figure("P5", f"memory of the detector, {what}", memory, "MiB", None, None, "", None),
        Figure("P5", f"processor used by the detector, {what}, {RATE:,}/s", used, "% of one core", None, None, "", None),
        Figure("P5", asleep, false, "", len(court.naive), "naive, wall clock", "0", false == 0),
        Figure("P6", restarted, started_in, "s", None, None, f"≤ {restart_seconds:g} s", started_in <= restart_seconds),
    ]


def report(court: Court, load: Load, what: str, p99_ms: float) -> list[Figure]:
    trickle = {f"t{number}" for number in range(load.trickle)}
    figures: list[Figure] = []
    for name, chosen, wanted in (
        (f"verdict lateness at {RATE:,}/s, {what}", trickle, p99_ms),
        (f"{load.burst:,} dying at once, {what}", court.late.keys() - trickle, 1000.0),
    ):
        ours = sorted(late for sender, late in court.late.items() if sender in chosen)
        naive = sorted(late for sender, late in court.naive.items() if sender in chosen)
        p99 = quantile(ours, 0.99)
        figures += [
            Figure("P5", f"{name}, p50", quantile(ours, 0.5), "ms", quantile(naive, 0.5), "naive, a look a second", "", None),
            Figure("P5", f"{name}, p99", p99, "ms", quantile(naive, 0.99), "naive, a look a second", f"≤ {wanted:g} ms", p99 <= wanted),
        ]
    return figures


def quantile(ordered: list[float], part: float) -> float:
    return ordered[int(part * (len(ordered) - 1))] if ordered else float("nan")


async def while_the_broker_stands(env: BenchEnv, court: Court, load: Load) -> int:
    """Everybody who is left lives; how many of them are declared dead all the same?"""
    court.late.clear()
    court.naive.clear()
    env.nats.freeze()
    await asyncio.sleep(load.timeout + 3.0)
    env.nats.thaw()
    await asyncio.sleep(load.timeout + GRACE + load.interval)
    dead = {f"t{number}" for number in range(load.trickle + load.burst)}
    court.naive = {sender: late for sender, late in court.naive.items() if sender not in dead}
    return len(court.late.keys() - dead)


async def prepare(dsn: str, client: Client, count: int) -> None:
    """The streams, and everyone alive by the log as the detector has folded it."""
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        await provision(client, Log(pool), budget=0.25)
        rows = [
            (f"supervisor:t{number}", True, number + 1, f"c{number}", daemon_of(number), f"t{number}-1", list[str]())
            for number in range(count)
        ]
        columns = ["name", "alive", "alive_position", "contract_id", "daemon_id", "connection_id", "superseded"]
        async with pool.acquire() as connection:
            await cast("asyncpg.Connection", connection).copy_records_to_table(
                "senders", schema_name="stale_detector", records=rows, columns=columns
            )


async def full(client: Client, count: int) -> None:
    """Wait until everyone has beaten once."""

    async def there() -> bool:
        return (await client.jetstream().stream_info(subjects.HEARTBEATS_STREAM)).state.messages >= count

    await eventually(there, 300.0, every=0.5)


async def tell(senders: Process, first: int, last: int, seconds: float) -> None:
    assert senders.stdin is not None
    senders.stdin.write(f"die {first} {last} {seconds}\n".encode())
    await senders.stdin.drain()


async def judged(court: Court, first: int, last: int, timeout: float) -> None:
    expected = {f"t{number}" for number in range(first, last)}
    await eventually(lambda: court.late.keys() >= expected, timeout + 10.0, every=0.25, because="not every death was found")
    wrong = court.late.keys() - {f"t{number}" for number in range(last)}
    assert not wrong, f"{len(wrong)} live senders were declared dead"


@asynccontextmanager
async def detector(dsn: str, url: str, load: Load) -> AsyncGenerator[tuple[Process, float]]:
    """The real service, and how long it took from its start until it sees."""
    port = ports.free()
    env = {
        "MAKIMA_DATABASE_URL": dsn,
        "MAKIMA_NATS_URL": url,
        "MAKIMA_HEALTH_PORT": str(port),
        "MAKIMA_LOG_LEVEL": "error",
        "MAKIMA_CONTRACTS__HEARTBEAT_INTERVAL_SECONDS": str(load.interval),
        "MAKIMA_CONTRACTS__HEARTBEAT_TIMEOUT_SECONDS": str(load.timeout),
    }
    started = time.monotonic()
    async with process("services.stale_detector", env=env) as running:

        async def ready() -> bool:
            return await unready(port) is None

        await eventually(ready, 120.0, every=0.1)
        yield running, time.monotonic() - started


@asynccontextmanager
async def fleet(url: str, load: Load) -> AsyncGenerator[Process]:
    async with process("tests.bench.heartbeat_fleet", url, str(load.senders), str(load.interval)) as running:
        yield running


@asynccontextmanager
async def process(module: str, *arguments: str, env: dict[str, str] | None = None) -> AsyncGenerator[Process]:
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, cwd=ROOT, env={**os.environ, **(env or {})}, stdin=PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield running
    finally:
        running.terminate()
        await running.wait()
