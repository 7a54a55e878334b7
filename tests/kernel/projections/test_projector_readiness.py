"""A projector says when its tables may be read, which log they show, and what stands in its way."""

from datetime import timedelta

import asyncpg
import pytest
from makima_kernel.projections import projector as project
from makima_kernel.projections.checkpoint import ReadModelPosition
from makima_kernel.projections.projector import Projector
from makima_kernel.relay.relay import Relay
from makima_kernel.relay.stream_identity import new_epoch
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas import subjects
from nats.aio.client import Client

from tests.background import running
from tests.kernel.event_log.filling import fill
from tests.kernel.projections.sample_projection import Replica, SampleProjection, ready, told
from tests.servers import BUDGET


async def test_it_is_not_ready_before_it_has_caught_up(
    stream: None, pool: asyncpg.Pool, replica: Replica, sample_projection: SampleProjection
) -> None:
    await fill(pool, 10)
    sample_projection.gate.clear()
    projector = replica()
    async with running(projector.run()):
        assert projector.ready() == "projection sample_projection: not started yet"
        sample_projection.gate.set()
        await eventually(lambda: projector.ready() is None)


async def test_it_is_not_ready_with_a_part_of_what_it_has_to_catch_up(
    stream: None, pool: asyncpg.Pool, replica: Replica, sample_projection: SampleProjection
) -> None:
    await fill(pool, 10)

    def stop_at_four(position: int, _applied: object) -> None:
        if position == 4:
            sample_projection.gate.clear()

    projector = replica(max_batch=4, on_commit=stop_at_four)
    async with running(projector.run()):
        await eventually(lambda: projector.position == 4)
        await eventually(
            lambda: pool.fetchval("select count(*) from pg_stat_activity where state = 'idle in transaction'")
        )
        assert projector.ready() == "projection sample_projection: not started yet"
        sample_projection.gate.set()
        await eventually(lambda: projector.ready() is None)


async def test_its_tables_are_behind_while_the_oldest_event_waits_too_long(
    relay: Relay,
    pool: asyncpg.Pool,
    replica: Replica,
    sample_projection: SampleProjection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    active, standby = replica(), replica()
    async with running(active.run()):
        await eventually(lambda: active.ready() is None)
        async with running(standby.run()):
            await eventually(lambda: standby.ready() is None)
            assert (await told(active), await told(standby)) == (None, None)
            sample_projection.gate.clear()
            await fill(pool, 1)
            assert await told(active) is None
            monkeypatch.setattr(project, "_BEHIND", timedelta(0))
            assert [await each.check_read_model() for each in (active, standby)] == [
                "projection sample_projection: 0 s behind the log"
            ] * 2
            assert [await each.check_replica() for each in (active, standby)] == [None, None], "they answer"
            sample_projection.gate.set()
            assert await active.wait_for(1, PATIENCE)
            assert (await told(active), await told(standby)) == (None, None)


async def test_what_the_pull_loop_cannot_read_is_told(
    relay: Relay, pool: asyncpg.Pool, nats: Client, replica: Replica
) -> None:
    projector = replica()
    async with running(projector.run()):
        await eventually(lambda: projector.ready() is None)
        await nats.jetstream().delete_stream(subjects.EVENTS_STREAM)
        await eventually(lambda: _says(projector, "projection sample_projection: MAKIMA_EVENTS: "))


async def _says(projector: Projector, reason: str) -> bool:
    return reason in (await told(projector) or "")


async def test_it_says_which_log_its_tables_show(
    relay: Relay, pool: asyncpg.Pool, nats: Client, replica: Replica
) -> None:
    await fill(pool, 5)
    projector = replica()
    assert await projector.read_model_position() is None
    async with running(projector.run()):
        assert await projector.wait_for(5, PATIENCE)
        await eventually(lambda: ready(projector))
        epoch = await new_epoch(pool, nats, budget=BUDGET)
        await eventually(lambda: _shows(projector, ReadModelPosition(epoch, 5)))
        await eventually(lambda: ready(projector))
    await pool.execute("update event_log.checkpoints set epoch = gen_random_uuid()")
    assert "another log" in str(await projector.check_replica())


async def _shows(projector: Projector, what: ReadModelPosition) -> bool:
    return await projector.read_model_position() == what
