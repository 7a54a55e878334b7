"""What the log needs now and then."""

import asyncio
from datetime import timedelta

import asyncpg
from makima_kernel.log.append import Duplicate
from makima_kernel.log.upkeep import Upkeep, prune

from tests.kernel.log.writing import call, command, event


async def test_command_ids_are_forgotten_after_thirty_days(pool: asyncpg.Pool) -> None:
    old, young = command("contract-a", event()), command("contract-b", event())
    await call(pool, old, young)
    await pool.execute("update event_log.commands set recorded_at = recorded_at - interval '31 days' where command_id = $1", old.command_id)
    assert await prune(pool) == 1
    assert await prune(pool) == 0
    assert await call(pool, young) == [Duplicate(version=1, position=2)]
    assert await pool.fetchval("select count(*) from event_log.commands where command_id = $1", old.command_id) == 0


async def test_many_old_ids_go_in_slices(pool: asyncpg.Pool) -> None:
    await pool.execute(
        "insert into event_log.commands select 'default', gen_random_uuid(), '', 1, 1, 1, now() - interval '40 days' from generate_series(1, 12000)"
    )
    assert await prune(pool, timedelta(days=30)) == 12_000


async def test_upkeep_goes_on_after_a_failure(pool: asyncpg.Pool) -> None:
    rounds = asyncio.Queue[float]()
    gate = asyncio.Semaphore(0)

    async def pause(seconds: float) -> None:
        rounds.put_nowait(seconds)
        await gate.acquire()

    upkeep = Upkeep(pool, pause=pause)
    owner = asyncio.create_task(upkeep.run())
    await rounds.get()
    await pool.execute("alter table event_log.commands rename to away")
    gate.release()
    await rounds.get()
    await pool.execute("alter table event_log.away rename to commands")
    gate.release()
    await rounds.get()
    assert not owner.done()
    assert await upkeep.ready() is None
    owner.cancel()


async def test_a_log_with_nothing_ahead_is_not_ready(pool: asyncpg.Pool) -> None:
    await pool.execute("drop table event_log.events_p000010000000, event_log.events_p000020000000")
    assert await Upkeep(pool).ready() == "the log has no partition ahead"
