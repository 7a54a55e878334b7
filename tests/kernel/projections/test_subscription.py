"""A consumer hands out every event once and in order, wherever it comes from."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import asyncpg
import pytest
from makima_kernel.event_log.log import Log
from makima_kernel.nats import streams
from makima_kernel.nats.connection import connect
from makima_kernel.projections import subscription as consume
from makima_kernel.projections.subscription import Consumer, EpochChangedError
from makima_kernel.relay.relay import Relay
from makima_kernel.relay.stream_identity import new_epoch
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas import subjects
from makima_schemas.envelope import Recorded
from nats.aio.client import Client

from tests.background import running
from tests.kernel.conftest import BUDGET
from tests.kernel.event_log.filling import fill
from tests.servers import MakeNats, closed


async def read_to(batches: AsyncGenerator[list[Recorded]], position: int) -> list[int]:
    got: list[int] = []
    async with asyncio.timeout(PATIENCE):
        while not got or got[-1] < position:
            got += [event.position for event in await anext(batches)]
    return got


async def test_it_catches_up_from_the_log_and_goes_on_live(
    relay: Relay, pool: asyncpg.Pool, log: Log, nats: Client
) -> None:
    await fill(pool, 2500)
    consumer = Consumer(log, nats, name="test")
    async with aclosing(consumer.batches(100, 1000)) as batches:
        assert await read_to(batches, 2500) == list(range(101, 2501))
        await fill(pool, 700)
        assert await read_to(batches, 3200) == list(range(2501, 3201))
        assert consumer.lag == 0
    assert (await log.after(3199, 1))[0].position == consumer.position


async def test_what_comes_live_is_what_the_log_holds(
    relay: Relay, pool: asyncpg.Pool, log: Log, nats: Client
) -> None:
    async with aclosing(Consumer(log, nats, name="test").batches(0)) as batches:
        await fill(pool, 3)
        await eventually(lambda: relay.position == 3)
        got: list[Recorded] = []
        while len(got) < 3:
            got += await anext(batches)
    assert got == await log.after(0)


async def test_without_any_relay_it_still_sees_everything(
    stream: None, pool: asyncpg.Pool, log: Log, nats: Client
) -> None:
    async with aclosing(Consumer(log, nats, name="test").batches(0)) as batches:
        await fill(pool, 10)
        assert await read_to(batches, 10) == list(range(1, 11))
        await fill(pool, 10)
        assert await read_to(batches, 20) == list(range(11, 21))


async def test_a_stream_that_begins_later_than_the_position_is_no_gap(
    pool: asyncpg.Pool, log: Log, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(pool, 100)
    monkeypatch.setattr(streams, "MAX_REFILLED_EVENTS", 10)
    await streams.provision(nats, log, budget=BUDGET)
    relay = Relay(pool, nats)
    async with running(relay.run()):
        await eventually(lambda: relay.position == 100)
        assert (await nats.jetstream().stream_info(subjects.EVENTS_STREAM)).state.first_seq == 91
        async with aclosing(Consumer(log, nats, name="test").batches(0, 7)) as batches:
            assert await read_to(batches, 100) == list(range(1, 101))


async def test_what_nobody_should_have_published_is_not_handed_out(
    stream: None, pool: asyncpg.Pool, log: Log, nats: Client
) -> None:
    async with aclosing(Consumer(log, nats, name="test").batches(0)) as batches:
        reading = asyncio.ensure_future(read_to(batches, 5))
        await nats.jetstream().publish("makima.events.contract.x.Forged", b'{"position": 1}')
        await fill(pool, 5)
        assert await reading == [1, 2, 3, 4, 5]


async def test_it_goes_on_from_the_log_while_the_broker_is_away(
    pool: asyncpg.Pool, log: Log, make_nats: MakeNats
) -> None:
    server = await make_nats()
    nats = await connect(server.url, "test", on_closed=closed)
    await streams.provision(nats, log, budget=BUDGET)
    async with (
        running(Relay(pool, nats).run()),
        aclosing(Consumer(log, nats, name="test").batches(0)) as batches,
    ):
        await fill(pool, 10)
        assert await read_to(batches, 10) == list(range(1, 11))
        await server.kill()
        await fill(pool, 10)
        assert await read_to(batches, 20) == list(range(11, 21))
        await server.start()
        await fill(pool, 10)
        assert await read_to(batches, 30) == list(range(21, 31))
        await eventually(lambda: nats.is_connected)
    await nats.close()


async def test_with_ticks_it_says_when_it_is_up_to_date(
    stream: None, pool: asyncpg.Pool, log: Log, nats: Client
) -> None:
    await fill(pool, 3)
    async with aclosing(Consumer(log, nats, name="test").batches(0, ticks=True)) as batches:
        assert [event.position for event in await anext(batches)] == [1, 2, 3]
        assert await anext(batches) == []


async def test_a_new_epoch_ends_it(relay: Relay, pool: asyncpg.Pool, log: Log, nats: Client) -> None:
    await fill(pool, 3)
    async with aclosing(Consumer(log, nats, name="test").batches(0)) as batches:
        await read_to(batches, 3)
        await new_epoch(pool, nats, budget=BUDGET)
        with pytest.raises(EpochChangedError, match="epoch changed"):
            await read_to(batches, 4)


async def test_a_log_that_ends_before_the_position_is_another_one(
    stream: None, pool: asyncpg.Pool, log: Log, nats: Client
) -> None:
    await fill(pool, 3)
    with pytest.raises(EpochChangedError, match="the log ends at 3, before position 5"):
        await anext(Consumer(log, nats, name="test").batches(5))


async def test_a_log_that_was_restored_under_it_is_another_one(
    stream: None, pool: asyncpg.Pool, log: Log, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consume, "_QUIET_STREAM_SECONDS", 0.05)
    await fill(pool, 3)
    async with aclosing(Consumer(log, nats, name="test").batches(0)) as batches:
        await read_to(batches, 3)
        await pool.execute(
            "alter table event_log.events disable trigger all; delete from event_log.events where position > 1"
        )
        await fill(pool, 10)
        with pytest.raises(
            EpochChangedError, match="position 3 holds another event than the one read before"
        ):
            await read_to(batches, 10)


async def test_what_the_stream_has_beyond_a_restored_log_is_no_event(
    relay: Relay, pool: asyncpg.Pool, log: Log, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consume, "_QUIET_STREAM_SECONDS", 0.05)
    await fill(pool, 5)
    await eventually(lambda: relay.position == 5)
    await pool.execute(
        "alter table event_log.events disable trigger all; delete from event_log.events where position > 3"
    )
    consumer = Consumer(log, nats, name="test")
    async with aclosing(consumer.batches(0, ticks=True)) as batches:
        assert await read_to(batches, 3) == [1, 2, 3]
        while consumer.problem is not None:
            assert await anext(batches) == []
        for _ in range(3):
            assert await anext(batches) == []
        assert consumer.position == 3
