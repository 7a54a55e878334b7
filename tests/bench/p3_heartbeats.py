"""P3: what one recorder process keeps of the heartbeats of 100 000 senders, beside a pull loop that throws
them away.
"""

import time
from contextlib import aclosing

import asyncpg
import nats
import psutil
from makima_kernel.event_log.log import Log
from makima_kernel.nats.pull_loop import PullLoop
from makima_kernel.nats.stream_cursor import Ephemeral
from makima_kernel.nats.streams import provision
from makima_kernel.testing import eventually
from makima_schemas import subjects
from nats.aio.client import Client

from tests.bench.figure import BenchEnv, Figure
from tests.bench.heartbeat_fleet import DAEMONS, PAYLOAD, daemon_of
from tests.bench.processes import process
from tests.contracts_in_the_log import create_contracts

SENDERS = 100_000
ROUNDS = 4
BEATS = SENDERS * ROUNDS
AT_ONCE = 2_000


async def measure(env: BenchEnv) -> list[Figure]:
    dsn = await env.database()
    client = await nats.connect(env.nats_url, pending_size=64 * 1024 * 1024)
    services = {
        "MAKIMA_DATABASE_URL": dsn,
        "MAKIMA_NATS_URL": env.nats_url,
        "MAKIMA_HEALTH_PORT": "0",
        "MAKIMA_LOG_LEVEL": "error",
    }
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
        await provision(client, Log(pool), budget=0.25)
        for first in range(0, SENDERS, AT_ONCE):
            await create_contracts(pool, [f"c{first + number}" for number in range(AT_ONCE)])
        await beat(client, 0, 1)
        async with process("makima_supervisor_heartbeat", env=services):
            new = await drained(pool, SENDERS)
            await eventually(
                lambda: registered(pool), 600.0, every=0.5, because="not every sender was registered"
            )
        await beat(client, 1, 1 + ROUNDS)
        bare = await thrown_away(client)
        async with process("makima_supervisor_heartbeat", env=services) as recorder:
            rate = await drained(pool, SENDERS + BEATS)
            used = psutil.Process(recorder.pid).cpu_times().user
        kept = await pool.fetchval("select count(*) from supervisor_heartbeat.heartbeats")
    await client.close()
    lost = SENDERS + BEATS - kept
    return [
        Figure(
            "P3",
            f"heartbeats recorded, {SENDERS:,} senders",
            rate,
            "/s",
            bare,
            "thrown away",
            "≥ 30,000/s",
            rate >= 30_000,
        ),
        Figure(
            "P3", "of a bare pull loop's rate", rate / bare, "×", None, None, "≥ 0.5 ×", rate / bare >= 0.5
        ),
        Figure("P3", f"heartbeats lost of {SENDERS + BEATS:,}", lost, "", None, None, "0", lost == 0),
        Figure("P3", "recorded while every sender is new", new, "/s", None, None, "", None),
        Figure("P3", "processor time per heartbeat", 1e6 * used / BEATS, "µs", None, None, "", None),
    ]


async def beat(client: Client, first: int, last: int) -> None:
    """Everyone beats in each round. The broker drops what comes faster than it can store: each portion waits
    for the one before.
    """
    subject = [subjects.supervisor_heartbeat(daemon_of(number), f"t{number}") for number in range(SENDERS)]
    for turn in range(first, last):
        for number in range(SENDERS):
            await client.publish(subject[number], PAYLOAD % (number, number, number, turn))
            if (number + 1) % AT_ONCE == 0:
                await client.flush(30)
                await eventually(
                    lambda held=turn * SENDERS + number + 1: holds(client, held), 30.0, every=0.005
                )


async def holds(client: Client, messages: int) -> bool:
    return (await client.jetstream().stream_info(subjects.HEARTBEATS_STREAM)).state.messages >= messages


async def registered(pool: asyncpg.Pool) -> bool:
    return await pool.fetchval("select count(*) from event_log.streams") >= 2 * SENDERS + DAEMONS


async def drained(pool: asyncpg.Pool, until: int) -> float:
    """Heartbeats per second, from the first that this run recorded to the last."""
    begun: tuple[float, int] | None = None
    before = await recorded(pool)

    async def over() -> bool:
        nonlocal begun
        now = await recorded(pool)
        if begun is None and now > before:
            begun = time.monotonic(), now
        return now >= until

    await eventually(over, 300.0, every=0.5, because="the recorder did not keep everything")
    assert begun is not None
    return (until - begun[1]) / max(time.monotonic() - begun[0], 1e-9)


async def recorded(pool: asyncpg.Pool) -> int:
    """Nothing but heartbeats is in this stream, so the watermark counts them; counting rows would take the
    recorder's processor.
    """
    return await pool.fetchval("select min(sequence) from supervisor_heartbeat.watermarks")


async def thrown_away(client: Client) -> float:
    """What the same loop reads when nothing is done with it."""
    started, seen = time.monotonic(), 0
    async with aclosing(
        PullLoop(client, subjects.HEARTBEATS_STREAM, Ephemeral("bare", after=SENDERS), batch=2000).batches()
    ) as batches:
        async for messages in batches:
            seen += len(messages)
            if seen >= BEATS:
                break
    return seen / (time.monotonic() - started)
