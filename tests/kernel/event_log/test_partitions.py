"""Partitions come and go beside readers and writers that do not wait."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from makima_kernel.event_log.append import Appended
from makima_kernel.event_log.log import Log
from makima_kernel.event_log.partition_ranges import ByHour
from makima_kernel.event_log.partitions import Partitions, hourly_partitions, log_partitions
from makima_kernel.testing import PATIENCE

from tests.kernel.event_log.append_builders import call, command, event

BEATS = """
create schema telemetry;
create table telemetry.beats (received_at timestamptz not null, sender text not null) partition by range (received_at);
create index on telemetry.beats (sender, received_at)
"""


@asynccontextmanager
async def idle_reader(pool: asyncpg.Pool, query: str) -> AsyncGenerator[None]:
    """Somebody who looked, and went for lunch in the middle of a transaction."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.fetch(query)
        yield


async def partitions_of(pool: asyncpg.Pool, table: str) -> list[str]:
    return [
        name
        for (name,) in await pool.fetch(
            "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = $1::text::regclass order by 1",
            table,
        )
    ]


async def small_log(pool: asyncpg.Pool) -> Partitions[int]:
    """A log whose partitions hold ten events; the big first ones, still empty, are taken away."""
    for name in await partitions_of(pool, "event_log.events"):
        await pool.execute(f"drop table event_log.{name}")  # the name comes from the catalogue
    partitions = log_partitions(pool, size=10)
    await partitions.ensure_ahead()
    return partitions


async def grow(pool: asyncpg.Pool, count: int) -> None:
    for number in range(count):
        (outcome,) = await call(pool, command(f"contract-{number}", event()))
        assert isinstance(outcome, Appended)


async def test_a_fresh_log_has_two_partitions_ahead(pool: asyncpg.Pool) -> None:
    assert await log_partitions(pool).ahead() == 2
    assert await log_partitions(pool).ensure_ahead() == []


async def test_the_log_grows_into_partitions_made_before_it_gets_there(pool: asyncpg.Pool) -> None:
    partitions = await small_log(pool)
    for _ in range(5):
        await grow(pool, 9)
        await partitions.ensure_ahead()
        assert await partitions.ahead() == 2
    assert [e.position for e in await Log(pool).after(0)] == list(range(1, 46))
    assert await partitions_of(pool, "event_log.events") == [
        f"events_p{lower:012}" for lower in range(0, 70, 10)
    ]


async def test_without_upkeep_the_log_says_that_nothing_is_ahead(pool: asyncpg.Pool) -> None:
    partitions = await small_log(pool)
    await grow(pool, 29)
    assert await partitions.ahead() == 0
    with pytest.raises(asyncpg.CheckViolationError, match="no partition"):
        await grow(pool, 1)
    await partitions.ensure_ahead()
    await grow(pool, 1)
    assert await Log(pool).head() == 30, "the refused append took no position"


async def test_a_new_partition_is_as_strict_as_the_first(pool: asyncpg.Pool) -> None:
    partitions = await small_log(pool)
    await grow(pool, 15)
    await partitions.ensure_ahead()
    for change in ("update {} set type = 'Forged'", "delete from {}", "truncate {}"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await pool.execute(change.format("event_log.events_p000000000010"))
    with pytest.raises(asyncpg.UniqueViolationError):
        await pool.execute(
            "insert into event_log.events select 19, tenant, stream, version, event_id, command_id, type, schema, data, meta, recorded_at"
            " from event_log.events where position = 15"
        )


async def test_an_idle_reader_delays_neither_a_new_partition_nor_an_append(pool: asyncpg.Pool) -> None:
    partitions = await small_log(pool)
    await grow(pool, 12)
    async with idle_reader(pool, "select * from event_log.events"), asyncio.timeout(PATIENCE):
        assert await partitions.ensure_ahead() == ["events_p000000000030"]
        await grow(pool, 25)
        assert await Log(pool).head() == 37


async def test_replicas_make_each_partition_once(pool: asyncpg.Pool) -> None:
    await pool.execute(BEATS)
    made = await asyncio.gather(
        *(hourly_partitions(pool, "telemetry.beats").ensure_ahead() for _ in range(4))
    )
    assert sorted(len(names) for names in made) == [0, 0, 0, 5]
    assert len(await partitions_of(pool, "telemetry.beats")) == 5


async def test_hours_that_are_over_are_dropped(pool: asyncpg.Pool) -> None:
    await pool.execute(BEATS)
    partitions = hourly_partitions(pool, "telemetry.beats", ByHour(ahead=2, behind=3))
    await partitions.ensure_ahead()
    assert await partitions.ahead() == 2
    now = await pool.fetchval("select clock_timestamp()")
    await pool.execute(
        "insert into telemetry.beats select now() - make_interval(hours => k), 'a' from generate_series(0, 3) k"
    )
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    kept_from = now - timedelta(hours=1)
    dropped = await partitions.drop_older_than(kept_from)
    assert dropped == [f"beats_p{hour - timedelta(hours=k):%Y%m%d%H}" for k in (3, 2)]
    assert await pool.fetchval("select count(*) from telemetry.beats") == 2
    assert await pool.fetchval("select to_regclass('telemetry.' || $1)", dropped[0]) is None


async def test_a_partition_that_is_read_is_dropped_when_the_reader_has_gone(pool: asyncpg.Pool) -> None:
    await pool.execute(BEATS)

    async def at_once(_seconds: float) -> None:
        """Not a moment longer."""

    partitions = Partitions(pool, "telemetry.beats", ByHour(ahead=1, behind=2), "now", pause=at_once)
    await partitions.ensure_ahead()
    later: datetime = await pool.fetchval("select clock_timestamp() - interval '1 hour'")
    async with idle_reader(pool, "select * from telemetry.beats"):
        with pytest.raises(asyncpg.LockNotAvailableError):
            await partitions.drop_older_than(later)
        async with asyncio.timeout(PATIENCE):
            await pool.execute("insert into telemetry.beats values (now(), 'goes on')")
            await pool.fetch("select * from telemetry.beats")
    assert len(await partitions.drop_older_than(later)) == 1
    assert len(await partitions_of(pool, "telemetry.beats")) == 3


async def test_a_detached_part_of_the_log_stays_for_the_archive(pool: asyncpg.Pool) -> None:
    partitions = await small_log(pool)
    await grow(pool, 15)
    assert await partitions.detach_older_than(14) == ["events_p000000000000"]
    assert [e.position for e in await Log(pool).after(0)] == [10, 11, 12, 13, 14, 15]
    assert await pool.fetchval("select count(*) from event_log.events_p000000000000") == 9
