"""P10, its first half: how fast the log itself is read, for a rebuild that only reads could not be faster."""

import time
from statistics import median

import asyncpg
from makima_kernel.event_log.log import Log

from tests.bench.figure import BenchEnv, Figure
from tests.bench.p11_append import fill

EVENTS = 200_000
ROUNDS = 3
AT_ONCE = 2_000


async def measure(env: BenchEnv) -> list[Figure]:
    dsn = await env.database()
    await fill(dsn, EVENTS)
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        rate = median([await read_all(Log(pool)) for _ in range(ROUNDS)])
    return [
        Figure(
            "P10",
            f"reading the log, {AT_ONCE:,} at a time",
            rate,
            "events/s",
            None,
            None,
            "≥ 100,000/s",
            rate >= 100_000,
        )
    ]


async def read_all(log: Log) -> float:
    position, started = 0, time.perf_counter()
    while piece := await log.after(position, AT_ONCE):
        position = piece[-1].position
    return position / (time.perf_counter() - started)
