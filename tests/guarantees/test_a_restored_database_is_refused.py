"""Guarantee 2, after a restore: a log that was restored to the past has used positions again: its relay
refuses to publish, says why, and `new_epoch` heals it.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import asyncpg
import pytest
from makima_kernel.event_log.log import Log
from makima_kernel.nats import streams
from makima_kernel.nats.message import Message
from makima_kernel.nats.pull_loop import PullLoop
from makima_kernel.nats.stream_cursor import Ephemeral
from makima_kernel.projections.projector import Projector
from makima_kernel.projections.subscription import Consumer, EpochChangedError
from makima_kernel.relay.relay import Mismatched, Relay
from makima_kernel.relay.stream_identity import Match, compare_stream, new_epoch
from makima_kernel.testing import eventually
from makima_local.postgres import Postgres
from makima_schemas import subjects
from makima_schemas.envelope import from_cloudevent
from nats.aio.client import Client

from tests.background import running
from tests.kernel.event_log.filling import fill
from tests.kernel.projections.sample_projection import TABLES, SampleProjection, rows
from tests.servers import BUDGET

BACKED_UP, LOST = 150, 50


@dataclass
class Restored:
    """The database as it was `LOST` events ago; the broker, and whoever listened, know them."""

    pool: asyncpg.Pool
    log: Log


@pytest.fixture
async def restored(postgres_server: Postgres, database: str, nats: Client) -> AsyncGenerator[Restored]:
    """150 events, a backup, 50 more, all published; then the backup is all there is."""
    async with asyncpg.create_pool(database, min_size=1) as pool:
        name: str = await pool.fetchval("select current_database()")
        await pool.execute(TABLES)
        await streams.provision(nats, Log(pool), budget=BUDGET)
        async with running(Relay(pool, nats, budget=BUDGET).run(), projector(pool, nats, "before").run()):
            await fill(pool, BACKED_UP)
            await eventually(lambda: shown(pool, BACKED_UP))
    admin = await asyncpg.connect(postgres_server.dsn())
    await eventually(
        lambda: admin.fetchval("select count(*) = 0 from pg_stat_activity where datname = $1", name)
    )
    await admin.execute(f'create database "{name}_backup" template "{name}"')
    async with asyncpg.create_pool(database, min_size=1) as pool:
        relay = Relay(pool, nats, budget=BUDGET)
        async with running(relay.run()):
            await fill(pool, LOST)
            await eventually(lambda: relay.position == BACKED_UP + LOST)
    async with asyncpg.create_pool(postgres_server.dsn(f"{name}_backup"), min_size=1) as pool:
        yield Restored(pool, Log(pool))
    await admin.execute(f'drop database "{name}_backup" with (force)')
    await admin.close()


def projector(pool: asyncpg.Pool, nats: Client, owner: str) -> Projector:
    return Projector(SampleProjection(), pool, Log(pool), nats, owner=owner)


async def shown(pool: asyncpg.Pool, position: int) -> bool:
    return await pool.fetchval("select max(position) from sample_projection.line") == position


async def stream(nats: Client, last: int) -> list[bytes]:
    got: list[Message] = []
    async with aclosing(PullLoop(nats, subjects.EVENTS_STREAM, Ephemeral("auditor")).batches()) as batches:
        while not got or got[-1].sequence < last:
            got += await anext(batches)
    assert [message.sequence for message in got] == list(range(1, last + 1))
    return [message.payload for message in got]


@pytest.mark.parametrize(
    ("appended_since", "reason"),
    [
        (0, "the stream ends at 200, the log at 150: an earlier state of the log was restored"),
        (LOST - 10, "the stream ends at 200, the log at 190: an earlier state of the log was restored"),
        (LOST, "position 151 is event"),
        (LOST + 50, "position 151 is event"),
    ],
)
async def test_its_relay_publishes_nothing_and_says_why_and_what_to_do(
    restored: Restored, nats: Client, appended_since: int, reason: str
) -> None:
    await fill(restored.pool, appended_since)
    before = await stream(nats, BACKED_UP + LOST)
    relay = Relay(restored.pool, nats, budget=BUDGET)
    async with running(relay.run()):
        await eventually(lambda: isinstance(relay.state, Mismatched))
        assert reason in (relay.ready() or "")
        assert "makima ledger new-epoch" in (relay.ready() or "")
    assert await stream(nats, BACKED_UP + LOST) == before
    info = await nats.jetstream().stream_info(subjects.EVENTS_STREAM)
    assert info.state.last_seq == BACKED_UP + LOST


async def test_a_new_epoch_publishes_the_log_as_it_is_and_the_relay_goes_on(
    restored: Restored, nats: Client
) -> None:
    await fill(restored.pool, 100)
    relay = Relay(restored.pool, nats, budget=BUDGET)
    async with running(relay.run()):
        await eventually(lambda: isinstance(relay.state, Mismatched))
        old = await restored.log.epoch()
        assert await new_epoch(restored.pool, nats, budget=BUDGET) != old
        await eventually(lambda: relay.position == 250)
        await fill(restored.pool, 10)
        await eventually(lambda: relay.position == 260)
        assert relay.ready() is None
    assert [from_cloudevent(payload) for payload in await stream(nats, 260)] == await restored.log.after(0)
    assert await compare_stream(nats, restored.log) == Match(260)


async def test_who_has_seen_the_lost_events_is_told_to_reset(restored: Restored, nats: Client) -> None:
    await fill(restored.pool, 100)
    consumer = Consumer(restored.log, nats, name="socket")
    async with (
        running(Relay(restored.pool, nats, budget=BUDGET).run()),
        aclosing(consumer.batches(200)) as batches,
    ):
        assert (await anext(batches))[
            0
        ].position == 201  # nobody could know yet: 201 … 250 follow what it has seen
        await new_epoch(restored.pool, nats, budget=BUDGET)
        with pytest.raises(EpochChangedError, match="epoch changed"):
            await anext(batches)


async def test_read_models_of_the_restored_database_go_on_and_equal_its_log(
    restored: Restored, nats: Client
) -> None:
    await fill(restored.pool, 100)
    running_projector = projector(restored.pool, nats, "after")
    async with running(Relay(restored.pool, nats, budget=BUDGET).run(), running_projector.run()):
        assert await running_projector.wait_for(250, 120)
        await new_epoch(restored.pool, nats, budget=BUDGET)
        await fill(restored.pool, 10)
        assert await running_projector.wait_for(260, 120)
    lines, _ = await rows(restored.pool)
    assert [(line[0], line[2]) for line in lines] == [
        (event.position, event.type) for event in await restored.log.after(0)
    ]


async def test_a_stream_of_another_log_is_refused(pool: asyncpg.Pool, nats: Client) -> None:
    log = Log(pool)
    await streams.provision(nats, log, budget=BUDGET)
    await pool.execute("update event_log.identity set epoch = gen_random_uuid()")
    await fill(pool, 3)
    relay = Relay(pool, nats, budget=BUDGET)
    async with running(relay.run()):
        await eventually(lambda: isinstance(relay.state, Mismatched))
        assert f"the log's epoch is {await log.epoch()}, the stream's is" in (relay.ready() or "")
