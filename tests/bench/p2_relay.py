"""P2: the relay from the log to JetStream beside bare gathered publishing, and how soon a subscriber has what
was committed.
"""

import asyncio
import time
from contextlib import aclosing
from statistics import median, quantiles
from uuid import uuid4

import asyncpg
from makima_kernel.event_log.append import Append, Appended, NewEvent
from makima_kernel.event_log.appender import Appender
from makima_kernel.event_log.log import Log
from makima_kernel.nats import streams
from makima_kernel.nats.connection import connect
from makima_kernel.projections.subscription import Consumer
from makima_kernel.relay.relay import Relay
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.envelope import Recorded, to_cloudevent
from nats.aio.client import Client

from tests.bench.figure import BenchEnv, Figure
from tests.bench.p11_append import fill
from tests.bench.writers import DATA, META, some_id

EVENTS = 40_000
ROUNDS = 3
WINDOW = 512
PER_SECOND = 500
SECONDS = 10


async def measure(env: BenchEnv) -> list[Figure]:
    dsn = await env.database()
    await fill(dsn, EVENTS)
    nats = await connect(env.nats_url, "bench", on_closed=closed)
    async with asyncpg.create_pool(dsn, min_size=2, max_size=4) as pool:
        ours: list[float] = []
        bare: list[float] = []
        for _ in range(ROUNDS):
            ours.append(await relayed(pool, nats))
            bare.append(await gathered(Log(pool), nats))
        late = await latencies(pool, nats, dsn)
    await nats.close()
    rate, p99 = median(ours), quantiles(late, n=100)[98]
    return [
        Figure(
            "P2",
            "relay, log → JetStream",
            rate,
            "events/s",
            median(bare),
            "bare gathered js.publish",
            "≥ 15,000/s",
            rate >= 15_000,
        ),
        Figure("P2", f"commit → subscriber, p50 at {PER_SECOND}/s", median(late), "ms", None, None, "", None),
        Figure(
            "P2", f"commit → subscriber, p99 at {PER_SECOND}/s", p99, "ms", None, None, "≤ 50 ms", p99 <= 50
        ),
    ]


async def closed() -> None:
    """Nothing to end: this is not a service."""


async def emptied(nats: Client, log: Log) -> None:
    if subjects.EVENTS_STREAM in [info.config.name for info in await nats.jetstream().streams_info()]:
        await nats.jetstream().delete_stream(subjects.EVENTS_STREAM)
    await streams.create_missing(nats, log, budget=1 / 8)


async def relayed(pool: asyncpg.Pool, nats: Client) -> float:
    await emptied(nats, Log(pool))
    done = asyncio.Event()

    def published(event: Recorded) -> None:
        if event.position == EVENTS:
            done.set()

    started = time.perf_counter()
    running = asyncio.create_task(Relay(pool, nats, on_published=published).run())
    await done.wait()
    elapsed = time.perf_counter() - started
    await ended(running)
    return EVENTS / elapsed


async def gathered(log: Log, nats: Client) -> float:
    """The same events in the same window, read ahead of time; no order asked for, nothing compared."""
    await emptied(nats, log)
    events = [event for start in range(0, EVENTS, 10_000) for event in await log.after(start, 10_000)]
    jetstream = nats.jetstream()
    started = time.perf_counter()
    for start in range(0, EVENTS, WINDOW):
        await asyncio.gather(
            *(
                jetstream.publish(
                    subjects.event(event.category, event.entity_id, event.type), to_cloudevent(event)
                )
                for event in events[start : start + WINDOW]
            )
        )
    return EVENTS / (time.perf_counter() - started)


async def latencies(pool: asyncpg.Pool, nats: Client, dsn: str) -> list[float]:
    """Milliseconds from the answer of the append to the event in the hands of a consumer; all in one process,
    as in a service.
    """
    await emptied(nats, Log(pool))
    grew, committed, late = asyncio.Event(), dict[int, float](), list[float]()
    appender = Appender(lambda: asyncpg.connect(dsn), on_append=lambda _: grew.set())
    relay = Relay(pool, nats)
    head = await Log(pool).head()

    async def poke() -> None:
        while True:
            await grew.wait()
            grew.clear()
            await nats.publish(subjects.LOG_POKE)

    async def subscribe() -> None:
        async with aclosing(Consumer(Log(pool), nats, name="subscriber").batches(head)) as batches:
            async for batch in batches:
                now = time.perf_counter()
                late.extend(1000 * (now - committed.get(event.position, now)) for event in batch)

    async def write(number: int) -> None:
        event = NewEvent(some_id(), "TaskCompleted", 1, DATA)
        outcome = await appender.append(
            Append("default", f"contract-{number % 100}", uuid4(), b"h" * 32, None, (event,), META)
        )
        assert isinstance(outcome, Appended)
        committed[outcome.position] = time.perf_counter()

    loops = [asyncio.create_task(loop) for loop in (relay.run(), poke(), subscribe(), appender.run())]
    await eventually(lambda: relay.position == head, 300)
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(PER_SECOND * SECONDS):
            await asyncio.sleep(max(0.0, started + number / PER_SECOND - time.perf_counter()))
            group.create_task(write(number))
    await eventually(lambda: len(late) == PER_SECOND * SECONDS, 60)
    await ended(*loops)
    return late


async def ended(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
