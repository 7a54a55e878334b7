"""P11, appends: what one costs in a log that is ten times as long, side by side."""

from statistics import median

import asyncpg
from makima_kernel.event_log.append import SQL, Append, NewEvent, arguments

from tests.bench.figure import BenchEnv, Figure
from tests.bench.writers import DATA, META, appending, drive, some_id

SHORT = 60_000
LONG = 10 * SHORT
ROUNDS = 7
SECONDS = 2.0
CALLERS = 32


async def measure(env: BenchEnv) -> list[Figure]:
    short, long = await env.database(), await env.database()
    await fill(short, SHORT)
    await fill(long, LONG)
    cost: dict[str, list[float]] = {short: [], long: []}
    for _ in range(ROUNDS):
        for dsn in (short, long):
            async with appending(dsn, CALLERS) as writes:
                cost[dsn].append(1e6 / (await drive(writes, SECONDS)).rate)
    at_short, at_long = median(cost[short]), median(cost[long])
    return [
        Figure(
            "P11",
            f"append at {LONG:,} events",
            at_long,
            "µs/event",
            at_short,
            f"at {SHORT:,} events",
            "≤ 1.3 × at a tenth",
            at_long <= 1.3 * at_short,
        )
    ]


async def fill(dsn: str, events: int) -> None:
    """Streams of ten events each."""
    connection = await asyncpg.connect(dsn)
    try:
        for _ in range(events // 1000):
            batch = [
                Append(
                    "default",
                    f"contract-{some_id()}",
                    some_id(),
                    b"h" * 32,
                    0,
                    tuple(NewEvent(some_id(), "TaskCompleted", 1, DATA) for _ in range(10)),
                    META,
                )
                for _ in range(100)
            ]
            await connection.fetch(SQL, *arguments(batch))
        await connection.execute("vacuum analyze")
    finally:
        await connection.close()
