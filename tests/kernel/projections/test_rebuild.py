"""A rebuild makes the tables anew beside the live ones, with everything that belongs to them, and swaps."""

import asyncpg
import pytest
from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Projector
from makima_kernel.projections.rebuild import RebuildRunningError, rebuild
from makima_kernel.relay.relay import Relay
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas.codec import UnknownEventError
from nats.aio.client import Client

from tests.background import running
from tests.kernel.event_log.filling import append, fill
from tests.kernel.projections.sample_projection import SampleProjection, raw, rows

SHAPE = """
select c.relname, c.relkind::text, coalesce(array_to_string(c.reloptions, ','), ''), coalesce(pg_get_indexdef(c.oid), '')
from pg_class as c where c.relnamespace = 'sample_projection'::regnamespace
union all
select conname, contype::text, pg_get_constraintdef(oid), '' from pg_constraint where connamespace = 'sample_projection'::regnamespace
order by 1, 2
"""


async def test_the_same_rows_stand_in_tables_of_the_same_shape(
    pool: asyncpg.Pool, log: Log, sample_projection: SampleProjection
) -> None:
    shape = [tuple(row) for row in await pool.fetch(SHAPE)]
    await fill(pool, 100)
    assert await rebuild(sample_projection, pool, log, max_batch=30) == 100
    first = await rows(pool)
    assert len(first[0]) == 100
    assert await rebuild(sample_projection, pool, log) == 100
    assert await rows(pool) == first
    assert [tuple(row) for row in await pool.fetch(SHAPE)] == shape
    assert (
        await pool.fetchval(
            "select count(*) from pg_class where relnamespace = 'sample_projection__next'::regnamespace"
        )
        == 0
    )
    assert [
        tuple(row) for row in await pool.fetch("select generation, position from event_log.checkpoints")
    ] == [(3, 100)]


async def test_it_clears_away_what_was_wrong_and_the_active_projector_goes_on(
    relay: Relay, pool: asyncpg.Pool, log: Log, nats: Client, sample_projection: SampleProjection
) -> None:
    await fill(pool, 20)
    projector = Projector(sample_projection, pool, log, nats, owner="me")
    async with running(projector.run()):
        assert await projector.wait_for(20, PATIENCE)
        await pool.execute("update sample_projection.line set text = 'a bug wrote this'")
        await rebuild(sample_projection, pool, log)
        assert (
            await pool.fetchval("select count(*) from sample_projection.line where text = 'a bug wrote this'")
            == 0
        )
        await fill(pool, 5)
        assert await projector.wait_for(25, PATIENCE)
        await eventually(lambda: projector.ready() is None)
    assert [line[0] for line in (await rows(pool))[0]] == list(range(1, 26))


async def test_what_a_killed_rebuild_left_behind_is_no_hindrance(
    pool: asyncpg.Pool, log: Log, sample_projection: SampleProjection
) -> None:
    await fill(pool, 20)
    await rebuild(sample_projection, pool, log)
    await pool.execute("create table sample_projection__next.line (nonsense int)")
    await pool.execute(
        "insert into event_log.checkpoints values ('sample_projection', 3, 0, 7), ('sample_projection', 4, 0, 9)"
    )
    assert await rebuild(sample_projection, pool, log) == 20
    assert [
        tuple(row) for row in await pool.fetch("select generation, position from event_log.checkpoints")
    ] == [(3, 20)]


async def test_a_second_rebuild_of_a_schema_at_the_same_time_is_refused(
    pool: asyncpg.Pool, log: Log, sample_projection: SampleProjection
) -> None:
    async with pool.acquire() as other:
        await other.execute(
            "select pg_advisory_lock(hashtext('event_log.rebuild'), hashtext('sample_projection'))"
        )
        with pytest.raises(RebuildRunningError, match="sample_projection is already being rebuilt"):
            await rebuild(sample_projection, pool, log)
    assert await rebuild(sample_projection, pool, log) == 0


async def test_it_stops_at_an_unknown_event_and_leaves_the_live_tables_alone(
    pool: asyncpg.Pool, log: Log, sample_projection: SampleProjection
) -> None:
    await fill(pool, 20)
    await rebuild(sample_projection, pool, log)
    before = await rows(pool)
    await append(pool, "contract-c1", raw("ContractTeleported", 1, b"{}"))
    with pytest.raises(UnknownEventError, match="stopped before position 21: event ContractTeleported"):
        await rebuild(sample_projection, pool, log)
    assert await rows(pool) == before


async def test_a_reader_in_a_long_transaction_delays_the_swap_but_is_never_cut_off(
    pool: asyncpg.Pool, log: Log, sample_projection: SampleProjection
) -> None:
    await fill(pool, 20)
    await rebuild(sample_projection, pool, log)
    async with pool.acquire() as reader, reader.transaction():
        await reader.fetch("select * from sample_projection.line")
        async with running(_rebuilt(sample_projection, pool, log)) as [rebuilding]:
            await eventually(
                lambda: pool.fetchval(
                    "select count(*) from pg_locks where not granted and relation = 'sample_projection.line'::regclass"
                )
            )
            assert await reader.fetchval("select count(*) from sample_projection.tally") == 10
            assert not rebuilding.done()
            await pool.fetchval(
                "select count(*) from sample_projection.line"
            )  # nor does it hold up others for long
            await reader.execute("commit")
            await rebuilding
    assert await pool.fetchval("select max(generation) from event_log.checkpoints") == 3


async def _rebuilt(sample_projection: SampleProjection, pool: asyncpg.Pool, log: Log) -> None:
    await rebuild(sample_projection, pool, log)
