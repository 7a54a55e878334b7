"""What the log needs now and then."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
from makima_kernel.event_log.append import Duplicate
from makima_kernel.event_log.maintenance import Maintenance, prune
from makima_kernel.event_log.partitions import log_partitions

from tests.kernel.event_log.append_builders import call, command, event


async def test_command_ids_are_forgotten_after_thirty_days(pool: asyncpg.Pool) -> None:
    old, young = command("contract-a", event()), command("contract-b", event())
    await call(pool, old, young)
    await pool.execute(
        "update event_log.commands set recorded_at = recorded_at - interval '31 days' where command_id = $1",
        old.command_id,
    )
    assert await prune(pool) == 1
    assert await prune(pool) == 0
    assert await call(pool, young) == [Duplicate(version=1, position=2)]
    assert (
        await pool.fetchval("select count(*) from event_log.commands where command_id = $1", old.command_id)
        == 0
    )


async def test_many_old_ids_go_in_slices(pool: asyncpg.Pool) -> None:
    await pool.execute(
        "insert into event_log.commands select 'default', gen_random_uuid(), '', 1, 1, 1, now() - interval '40 days' from generate_series(1, 12000)"
    )
    assert await prune(pool, timedelta(days=30)) == 12_000


class Rounds:
    """Stands where the pause between two rounds of upkeep is; `another` lets the next one begin and waits for
    its end.
    """

    def __init__(self) -> None:
        self._ended = asyncio.Semaphore(0)
        self._next = asyncio.Semaphore(0)

    async def pause(self, _seconds: float) -> None:
        self._ended.release()
        await self._next.acquire()

    async def first(self) -> None:
        await self._ended.acquire()

    async def another(self) -> None:
        self._next.release()
        await self._ended.acquire()


@asynccontextmanager
async def upkeep_of(pool: asyncpg.Pool, rounds: Rounds) -> AsyncGenerator[Maintenance]:
    upkeep = Maintenance(pool, pause=rounds.pause)
    assert upkeep.ready() == "the partitions of the log were not checked yet"
    owner = asyncio.create_task(upkeep.run())
    await rounds.first()
    yield upkeep
    assert not owner.done()
    owner.cancel()


async def test_upkeep_goes_on_after_a_failure(pool: asyncpg.Pool) -> None:
    rounds = Rounds()
    old = command("contract-a", event())
    await call(pool, old)
    async with upkeep_of(pool, rounds) as upkeep:
        await pool.execute("alter table event_log.commands rename to away")
        await rounds.another()
        await pool.execute("alter table event_log.away rename to commands")
        await pool.execute("update event_log.commands set recorded_at = recorded_at - interval '31 days'")
        await rounds.another()
        assert upkeep.ready() is None
    assert await pool.fetchval("select count(*) from event_log.commands") == 0


async def test_a_log_with_nothing_ahead_is_not_ready_until_it_is_kept_up(pool: asyncpg.Pool) -> None:
    rounds = Rounds()
    await pool.execute("drop table event_log.events_p000010000000, event_log.events_p000020000000")
    await pool.execute("create table event_log.events_p000010000000 (in_the_way int)")
    async with upkeep_of(pool, rounds) as upkeep:
        assert upkeep.ready() == "the log has no free partition for the next events"
        await pool.execute("drop table event_log.events_p000010000000")
        await rounds.another()
        assert upkeep.ready() is None
    assert await log_partitions(pool).ahead() == 2
