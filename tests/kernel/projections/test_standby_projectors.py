"""One replica of a projector is active, and the others know its position and take over."""

from datetime import timedelta

import asyncpg
import pytest
from makima_kernel.relay.relay import Relay
from makima_kernel.testing import PATIENCE, eventually

from tests.background import end, running
from tests.kernel.event_log.filling import append, fill
from tests.kernel.projections.sample_projection import Replica, raw, rows


async def test_a_standby_replica_knows_the_position_and_can_be_waited_on(
    relay: Relay, pool: asyncpg.Pool, replica: Replica
) -> None:
    active, standby = replica(), replica()
    async with running(active.run()):
        await eventually(lambda: active.active)
        async with running(standby.run()):
            await fill(pool, 5)
            assert await standby.wait_for(5, PATIENCE)
            assert not standby.active
            assert standby.ready() is None


async def test_a_standby_replica_that_misses_the_poke_looks_for_itself(
    stream: None, pool: asyncpg.Pool, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    standby = replica()  # it does not even run
    await pool.execute(
        "insert into event_log.checkpoints values ('sample_projection', 1, 0, 12, 'somebody', now() + interval '1 hour')"
    )
    assert await standby.wait_for(12, PATIENCE)


async def test_a_standby_replica_takes_over_when_the_active_one_leaves(
    relay: Relay, pool: asyncpg.Pool, replica: Replica
) -> None:
    first, second = replica(lease=timedelta(hours=1)), replica(lease=timedelta(hours=1))
    async with running(first.run()) as [running_first]:
        await eventually(lambda: first.active)
        async with running(second.run()):
            await fill(pool, 5)
            assert await second.wait_for(5, PATIENCE)
            await end(running_first)
            await eventually(lambda: second.active)
            await fill(pool, 5)
            assert await second.wait_for(10, PATIENCE)
    lines, _ = await rows(pool)
    assert [line[0] for line in lines] == list(range(1, 11))


async def test_a_standby_replica_takes_over_when_the_lease_of_a_dead_one_ends(
    relay: Relay, pool: asyncpg.Pool, replica: Replica
) -> None:
    await pool.execute(
        "insert into event_log.checkpoints values ('sample_projection', 1, 0, 0, 'a dead one', now() + interval '300 ms')"
    )
    projector = replica()
    async with running(projector.run()):
        await fill(pool, 5)
        assert not projector.active
        assert await projector.wait_for(5, PATIENCE)


async def test_the_active_replica_keeps_its_lease_when_nothing_happens(
    stream: None, pool: asyncpg.Pool, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("makima_kernel.projections.subscription._QUIET_STREAM_SECONDS", 0.05)
    first, second = replica(lease=timedelta(minutes=1)), replica()  # longer than a busy machine stands still
    async with running(first.run()):
        await eventually(lambda: first.active)
        async with running(second.run()):
            renewed = await pool.fetchval("select lease_until + interval '200 ms' from event_log.checkpoints")
            await eventually(
                lambda: pool.fetchval("select lease_until > $1 from event_log.checkpoints", renewed)
            )
            assert first.active
            assert not second.active


async def test_two_replicas_that_stopped_stay_stopped_whichever_holds_the_lease(
    relay: Relay, pool: asyncpg.Pool, replica: Replica
) -> None:
    """Each is the standby of the other for a moment: that is no reason to be ready."""
    await fill(pool, 3)
    await append(pool, "contract-c1", raw("ContractTeleported", 1, b"{}"))
    first, second = replica(), replica()
    async with running(first.run(), second.run()):
        await eventually(
            lambda: "position 4" in (first.ready() or "") and "position 4" in (second.ready() or ""), 60
        )
        await pool.execute(
            "update event_log.checkpoints set owner = 'a newer build', lease_until = now() + interval '1 hour'"
        )
        for each in (first, second):
            assert not await each.wait_for(4, 0.3)  # it looks again and again meanwhile
            assert "position 4" in (each.ready() or "")
        await pool.execute("update event_log.checkpoints set position = 4")
        await eventually(lambda: first.ready() is None and second.ready() is None)
