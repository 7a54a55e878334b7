"""P5 and P6: how late a verdict comes under 30 000 heartbeats a second, how soon a restarted detector sees,
beside a naive detector.

Late is what passes between the broker's time of the last heartbeat plus the timeout, and the moment in which
the owner of the sender is asked: its wait for the recorder and its append come on top, and are measured with
the whole system. The two detectors are measured in turn, under the same fleet; what was measured while the
fleet fell behind its rate says nothing, and is void.
"""

import asyncio
import time
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

import nats
import orjson
import psutil
from makima_kernel.testing import eventually
from makima_local import ports
from makima_local.probe import ask
from makima_schemas import subjects
from makima_schemas.commands import Accepted, encode_reply
from makima_schemas.questions import VerdictReplies
from nats.aio.msg import Msg

from tests.bench.dying_fleet import die, fleet, full, prepare
from tests.bench.figure import BenchEnv, Figure
from tests.bench.naive_detector import VERDICTS
from tests.bench.processes import process
from tests.bench.verdict_load import HALF_AGENTS, HUNDRED_THOUSAND, RATE, Load

GRACE = 3.0
LEAST_PART = 0.95  # of the rate that was asked for
KINDS = VerdictReplies.__annotations__.keys()
NAIVE = "tests.bench.naive_detector"


@dataclass
class Court:
    """Stands for the owner of the senders: agrees at once, without its wait and its append, and notes how
    late it was asked, in ms.
    """

    timeout: float
    late: dict[str, float] = field(default_factory=dict[str, float])
    naive: dict[str, float] = field(default_factory=dict[str, float])

    async def declare(self, message: Msg) -> None:
        now = time.time()
        asked: dict[str, list[dict[str, Any]]] = orjson.loads(message.data)
        for request in chain.from_iterable(asked.values()):
            last = datetime.fromisoformat(request["data"]["evidence"]["last_heartbeat_at"]).timestamp()
            self.late.setdefault(request["target"], 1000 * (now - last - self.timeout))
        accepted = {kind: [Accepted(1, 1)] * len(asked.get(kind, ())) for kind in KINDS}
        await message.respond(encode_reply(accepted))

    async def overhear(self, message: Msg) -> None:
        sender, last = message.data.decode().split()
        self.naive.setdefault(sender.partition(":")[2], 1000 * (time.time() - float(last) - self.timeout))


async def measure(env: BenchEnv) -> list[Figure]:
    return [
        *await verdicts(env, HUNDRED_THOUSAND, "100,000 tracked", p99_ms=250.0, restart_seconds=10.0),
        *await verdicts(
            env, HALF_AGENTS, "50,000 supervisors and 50,000 agents", p99_ms=250.0, restart_seconds=10.0
        ),
    ]


async def verdicts(
    env: BenchEnv, load: Load, what: str, *, p99_ms: float, restart_seconds: float
) -> list[Figure]:
    dsn = await env.database()
    court = Court(load.timeout)
    client = await nats.connect(env.nats_url, max_reconnect_attempts=-1, ping_interval=60)
    await client.subscribe(subjects.command("supervisor_heartbeat", "declare_all"), cb=court.declare)
    await client.subscribe(VERDICTS, cb=court.overhear)
    await prepare(dsn, client, load)
    async with fleet(env.nats_url, load) as senders:
        await full(client, load.senders)
        async with detector(dsn, env.nats_url, load) as (running, _):
            rate = await die(client, senders, court.late, 0, load)
            memory = psutil.Process(running.pid).memory_info().rss / 2**20
            used = psutil.Process(running.pid).cpu_percent(interval=3.0)
        wrong = court.late.keys() - set(load.ids(0, load.dying))
        assert not wrong, f"{len(wrong)} live senders were declared dead"
        async with process(NAIVE, env.nats_url, str(load.timeout)):
            naive_rate = await die(client, senders, court.naive, load.dying, load)
        figures = report(court, load, what, p99_ms, rate)
        async with (
            detector(dsn, env.nats_url, load) as (_, started_in),
            process(NAIVE, env.nats_url, str(load.timeout)),
        ):
            await asyncio.sleep(load.interval)
            false, naive_false = await while_the_broker_stands(env, court, load)
    await client.close()
    restarted = f"detector restart, {what}: until its watermark is live, less than a second behind"
    asleep = f"false verdicts after the broker stood still for {load.timeout + 3:.0f} s, {what}"
    return [
        Figure(
            "P5",
            f"heartbeats that came, {what}",
            rate,
            "/s",
            naive_rate,
            "for the naive one",
            f"≥ {LEAST_PART * RATE:,.0f}/s",
            None,
        ),
        *figures,
        Figure("P5", f"memory of the detector, {what}", memory, "MiB", None, None, "", None),
        Figure(
            "P5",
            f"processor used by the detector, {what}, {rate:,.0f}/s",
            used,
            "% of one core",
            None,
            None,
            "",
            None,
        ),
        Figure("P5", asleep, false, "", naive_false, "naive, wall clock", "0", false == 0),
        Figure(
            "P6",
            restarted,
            started_in,
            "s",
            None,
            None,
            f"≤ {restart_seconds:g} s",
            started_in <= restart_seconds,
        ),
    ]


def report(court: Court, load: Load, what: str, p99_ms: float, rate: float) -> list[Figure]:
    """Void below the rate that was asked for."""
    figures: list[Figure] = []
    enough = rate >= LEAST_PART * RATE
    void = "" if enough else f" (void: {rate:,.0f}/s came)"
    for name, first, last, wanted in (
        (f"verdict asked for late, at {RATE:,}/s, {what}{void}", 0, load.trickle, p99_ms),
        (f"{load.burst:,} dying at once, {what}{void}", load.trickle, load.dying, 1000.0),
    ):
        ours = sorted(court.late[each] for each in load.ids(first, last))
        naive = sorted(court.naive[each] for each in load.ids(load.dying + first, load.dying + last))
        p99 = quantile(ours, 0.99)
        met = p99 <= wanted if enough else None
        figures += [
            Figure(
                "P5",
                f"{name}, p50",
                quantile(ours, 0.5),
                "ms",
                quantile(naive, 0.5),
                "naive, a look a second",
                "",
                None,
            ),
            Figure(
                "P5",
                f"{name}, p99",
                p99,
                "ms",
                quantile(naive, 0.99),
                "naive, a look a second",
                f"≤ {wanted:g} ms",
                met,
            ),
        ]
    return figures


def quantile(ordered: list[float], part: float) -> float:
    return ordered[int(part * (len(ordered) - 1))] if ordered else float("nan")


async def while_the_broker_stands(env: BenchEnv, court: Court, load: Load) -> tuple[int, int]:
    """Everybody who is left lives; how many of them are declared dead all the same?"""
    court.late.clear()
    court.naive.clear()
    await env.nats.freeze()
    await asyncio.sleep(load.timeout + 3.0)
    env.nats.thaw()
    await asyncio.sleep(load.timeout + GRACE + load.interval)
    dead = set(load.ids(0, 2 * load.dying))
    return len(court.late.keys() - dead), len(court.naive.keys() - dead)


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
        "MAKIMA_CONTRACTS__AGENT_TIMEOUT_SECONDS": str(load.timeout),
    }
    started = time.monotonic()
    async with process("makima_stale_detector", env=env) as running:

        async def ready() -> bool:
            return (await ask(port, "/readyz") or (0, ""))[0] == 200

        await eventually(ready, 120.0, every=0.1)
        yield running, time.monotonic() - started
