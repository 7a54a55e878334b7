"""Guarantee 2, its second half: the stream is the log: sequence = position, each event once and in order,
whatever happens to relays and to the broker.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import asyncpg
from makima_kernel.event_log.log import Log
from makima_kernel.nats import streams
from makima_kernel.nats.connection import connect
from makima_kernel.nats.message import Message
from makima_kernel.nats.pull_loop import PullLoop
from makima_kernel.nats.stream_cursor import Ephemeral
from makima_kernel.projections.subscription import Consumer
from makima_kernel.relay.relay import Relay
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.envelope import Recorded, from_cloudevent
from nats.aio.client import Client

from tests.background import running
from tests.chaos import times
from tests.guarantees.replicas import Replica, count, relay_forever, replica
from tests.kernel.event_log.filling import fill
from tests.servers import BUDGET, MakeNats, closed

KILLS = times(full=50, short=15)  # the ways to die come round every fifteen
WAITING = 600  # events for a relay to publish: more than it has on its way at once


async def everything(log: Log) -> list[Recorded]:
    events: list[Recorded] = []
    while batch := await log.after(len(events)):
        events += batch
    return events


async def the_stream(nats: Client, last: int) -> list[Message]:
    """All messages of the stream as a plain subscriber gets them, once it holds position `last`."""

    async def reached() -> bool:
        return await last_sequence(nats) >= last

    await eventually(reached, 60)
    got: list[Message] = []
    async with aclosing(
        PullLoop(nats, subjects.EVENTS_STREAM, Ephemeral("auditor"), tick=1.0).batches()
    ) as batches:
        while not got or got[-1].pending:
            got += await anext(batches)
    return got


async def the_stream_is_the_log(nats: Client, log: Log) -> None:
    events = await everything(log)
    messages = await the_stream(nats, len(events))
    assert [message.sequence for message in messages] == [event.position for event in events]
    assert [message.headers and message.headers["Nats-Msg-Id"] for message in messages] == [
        str(event.event_id) for event in events
    ]
    assert [from_cloudevent(message.payload) for message in messages] == events


@asynccontextmanager
async def subscribed(log: Log, nats: Client) -> AsyncGenerator[list[int]]:
    """The positions that a consumer was given; at the end it has been given the whole log."""
    seen: list[int] = []

    async def follow() -> None:
        async with aclosing(Consumer(log, nats, name="subscriber").batches(0, 100)) as batches:
            async for batch in batches:
                seen.extend(event.position for event in batch)

    async with running(follow()):
        yield seen
        head = await log.head()
        await eventually(lambda: seen and seen[-1] >= head)
    assert seen == list(range(1, len(seen) + 1))


@asynccontextmanager
async def writing(pool: asyncpg.Pool) -> AsyncGenerator[None]:
    """Events all the while; none after the end."""
    over = asyncio.Event()

    async def write() -> None:
        while not over.is_set():
            await fill(pool, 20)

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        yield
        over.set()


async def last_sequence(nats: Client) -> int:
    return (await nats.jetstream().stream_info(subjects.EVENTS_STREAM)).state.last_seq


async def test_a_relay_killed_again_and_again_at_random_leaves_the_order_of_the_log(
    database: str, pool: asyncpg.Pool, nats: Client, nats_url: str
) -> None:
    log, chance, in_the_middle = Log(pool), random.Random(20260131), 0
    await streams.provision(nats, log, budget=BUDGET)
    async with subscribed(log, nats), writing(pool):
        for number in range(KILLS):
            before = await last_sequence(nats)
            await fill(pool, max(0, before + WAITING - await log.head()))
            work, steps = await log.head(), chance.randrange(1, 40)
            # Without the lock each of them publishes at once: the database would need a moment to notice that
            # the last one is dead.
            alone = number % 5 == 0
            if number % 3:  # on its own acknowledgement, with others on their way
                with replica(relay_forever, database, nats_url, alone, None, steps) as relay:
                    await relay.died()
            else:  # whenever somebody else has seen it publish
                with replica(relay_forever, database, nats_url, alone):
                    await the_relay_reaches(nats, before + steps)
            in_the_middle += await last_sequence(nats) < work
    assert in_the_middle >= KILLS // 2, "too many had nothing to do when they died"
    async with running(Relay(pool, nats, budget=BUDGET).run()):
        await the_stream_is_the_log(nats, log)


async def the_relay_reaches(nats: Client, position: int) -> None:
    async def reached() -> bool:
        return await last_sequence(nats) >= position

    await eventually(reached, every=0.001)


async def test_two_relays_at_once_publish_each_event_once(
    database: str, pool: asyncpg.Pool, nats: Client, nats_url: str
) -> None:
    """Whoever finds that the other one was faster goes on behind it. Each has published alone before, so that both
    take part.
    """
    log, one, other = Log(pool), count(), count()
    await streams.provision(nats, log, budget=BUDGET)
    async with subscribed(log, nats):
        with (
            replica(relay_forever, database, nats_url, False, one) as first,
            replica(relay_forever, database, nats_url, False, other) as second,
        ):
            for published, frozen in ((one, second), (other, first)):
                await frozen.freeze()
                await fill(pool, 100)
                await eventually(lambda published=published: published.value > 0)
                frozen.thaw()
            for _ in range(40):
                await fill(pool, 100)
            await the_stream_is_the_log(nats, log)


async def test_a_frozen_relay_that_wakes_up_later_does_no_harm(
    database: str, pool: asyncpg.Pool, nats: Client, nats_url: str
) -> None:
    log = Log(pool)
    await streams.provision(nats, log, budget=BUDGET)
    async with subscribed(log, nats):
        with (
            replica(relay_forever, database, nats_url, False) as one,
            replica(relay_forever, database, nats_url, False) as other,
        ):
            async with writing(pool):
                for frozen in (one, other) * 3:
                    await frozen_for_a_while(frozen, nats)
            await the_stream_is_the_log(nats, log)


async def frozen_for_a_while(frozen: Replica, nats: Client) -> None:
    await frozen.freeze()
    await the_relay_reaches(nats, await last_sequence(nats) + 100)  # the other one goes on alone
    frozen.thaw()
    await the_relay_reaches(nats, await last_sequence(nats) + 100)


async def test_a_broker_that_lost_its_data_is_filled_again_under_the_same_sequence_numbers(
    pool: asyncpg.Pool, make_nats: MakeNats
) -> None:
    server, log = await make_nats(), Log(pool)
    nats = await connect(server.url, "test", on_closed=closed)
    await streams.provision(nats, log, budget=BUDGET)
    async with running(Relay(pool, nats, budget=BUDGET).run()), subscribed(log, nats):
        await fill(pool, 1000)
        await the_relay_reaches(nats, 1000)
        await server.lose_data()
        await fill(pool, 500)
        await server.start()
        await eventually(lambda: nats.is_connected)
        await eventually(lambda: is_provisioned(nats))
        await the_stream_is_the_log(nats, log)
        await fill(pool, 500)
        await the_stream_is_the_log(nats, log)
    await nats.close()


async def is_provisioned(nats: Client) -> bool:
    try:
        await streams.verify(nats)
    except (streams.TopologyError, TimeoutError):
        return False
    return True


async def test_a_broker_killed_and_started_again_and_again_breaks_nothing(
    pool: asyncpg.Pool, make_nats: MakeNats
) -> None:
    server, log = await make_nats(), Log(pool)
    nats = await connect(server.url, "test", on_closed=closed)
    await streams.provision(nats, log, budget=BUDGET)
    relay = Relay(pool, nats, budget=BUDGET)
    async with running(relay.run()), subscribed(log, nats):
        async with writing(pool):
            for _ in range(5):
                reached = relay.position + 100
                await eventually(lambda reached=reached: relay.position >= reached)
                await server.kill()
                await server.start()
        await the_stream_is_the_log(nats, log)
    await nats.close()
