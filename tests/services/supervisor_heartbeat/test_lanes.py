"""Two connections write at once, of one stream, and perhaps of the same senders."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.service.postgres import open_connection
from makima_kernel.testing import eventually
from makima_supervisor_heartbeat.domain.batching.batch_builder import BatchBuilder
from makima_supervisor_heartbeat.domain.batching.write_batch import MAX_SLICE_ROWS, WriteBatch
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache
from makima_supervisor_heartbeat.handlers.recorder import Recorder, lanes_of
from makima_supervisor_heartbeat.handlers.retention import Retention
from makima_supervisor_heartbeat.handlers.shard_writer import ShardWriter, lock
from nats.aio.client import Client

from tests.background import end
from tests.services.supervisor_heartbeat.harness import Fleet, supervisor_beat
from tests.services.supervisor_heartbeat.messages import message

SENDERS, ROUNDS = 1000, 5


def slice_of(numbers: Iterable[int], first: int) -> WriteBatch:
    """A heartbeat of each sender, in this order, from sequence `first` on."""
    now = int(datetime.now(UTC).timestamp()) * 1_000_000_000
    messages = [
        message(supervisor_beat(f"t{each}"), at, f"makima.shards.3.supervisor.d1.t{each}")
        for at, each in enumerate(numbers, first)
    ]
    [made] = BatchBuilder(SenderCache(), [range(8)]).read(
        [msgspec.structs.replace(each, timestamp_ns=now) for each in messages], "e1"
    )
    return made


@asynccontextmanager
async def recording(
    database: str, pool: asyncpg.Pool, nats: Client, slices: list[WriteBatch]
) -> AsyncGenerator[list[asyncpg.Connection]]:
    """A recorder alone, and the connections that it has opened."""
    opened = list[asyncpg.Connection]()

    async def taken(_epoch: str) -> None:
        """Nothing is remembered."""

    async def connect() -> asyncpg.Connection:
        opened.append(await open_connection(database, "test"))
        return opened[-1]

    make_room, shards = Retention(pool, kept=timedelta(hours=24), most_bytes=2**40).make_room, range(8)
    reader = BatchBuilder(SenderCache(), lanes_of(shards))
    recorder = Recorder(
        nats,
        connect,
        reader,
        shards=shards,
        owner="r1",
        taken=taken,
        recorded=slices.append,
        lost=lambda: None,
        make_room=make_room,
    )
    task = asyncio.create_task(recorder.run())
    yield opened
    await end(task)


async def test_senders_that_move_between_lanes_make_no_lane_wait_for_ever(
    database: str, pool: asyncpg.Pool
) -> None:
    await Retention(pool, kept=timedelta(hours=24), most_bytes=2**40).make_room()
    connections = [await open_connection(database, "test") for _ in range(2)]
    stores = [
        ShardWriter(connection, shards, "r1")
        for connection, shards in zip(connections, lanes_of(range(8)), strict=True)
    ]
    for store in stores:
        await store.prepare()
        await store.own()
    for turn in range(ROUNDS):
        first = 1 + turn * 2 * SENDERS
        forth, back = slice_of(range(SENDERS), first), slice_of(reversed(range(SENDERS)), first + SENDERS)
        await asyncio.gather(stores[0].write(forth), stores[1].write(back))
    assert await pool.fetchval("select count(*) from supervisor_heartbeat.heartbeats") == ROUNDS * 2 * SENDERS
    for connection in connections:
        await connection.close()


async def test_a_slice_is_small_also_where_all_heartbeats_are_of_one_lane(
    database: str, pool: asyncpg.Pool, nats: Client
) -> None:
    await provision(nats, Log(pool), budget=0.01)
    fleet, slices = Fleet(nats, pool, Log(pool)), list[WriteBatch]()
    for _ in range(0, 2 * MAX_SLICE_ROWS, 500):
        await asyncio.gather(*(fleet.beat(supervisor_beat("t1")) for _ in range(500)))

    async with recording(database, pool, nats, slices):
        await eventually(lambda: sum(len(each.rows) for each in slices) == 2 * MAX_SLICE_ROWS)
    assert max(len(each.rows) for each in slices) <= MAX_SLICE_ROWS
    assert [row["sequence"] for row in await fleet.rows()] == list(range(1, 2 * MAX_SLICE_ROWS + 1))


async def test_a_recorder_that_stands_by_keeps_its_one_connection_and_no_locks(
    database: str, pool: asyncpg.Pool, nats: Client
) -> None:
    await provision(nats, Log(pool), budget=0.01)
    other, third = [await open_connection(database, "test") for _ in range(2)]
    assert await lock(other, [3])
    async with recording(database, pool, nats, []) as opened:
        await eventually(lambda: len(opened) == 1)
        await eventually(lambda: lock(third, [2]))
        await third.close()
        await other.close()

        async def ours() -> bool:
            return await pool.fetchval("select bool_and(owner = 'r1') from supervisor_heartbeat.watermarks")

        await eventually(ours)
        assert len(opened) == 2


def test_halves_know_how_many_supervisors_spoke() -> None:
    whole = slice_of(range(5), 1)
    assert [half.supervisors for half in whole.halves()] == [2, 3]
