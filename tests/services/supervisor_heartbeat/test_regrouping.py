"""Recorders that share the shards, and one that has them all again: every heartbeat is recorded, and once."""

import asyncio
from contextlib import AsyncExitStack

import asyncpg
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import SHARDS, provision
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from nats.aio.client import Client

from tests.services.supervisor_heartbeat.harness import Fleet, Running, running, supervisor_beat

SENDERS, ROUNDS = 100, 5
HALVES = (tuple(range(SHARDS // 2)), tuple(range(SHARDS // 2, SHARDS)))


async def rounds(fleet: Fleet) -> None:
    for _ in range(ROUNDS):
        await asyncio.gather(*(fleet.beat(supervisor_beat(f"t{number}")) for number in range(SENDERS)))


async def recorded(fleet: Fleet) -> list[int]:
    return [row["sequence"] for row in await fleet.rows()]


async def test_two_that_share_the_shards_and_then_one_that_has_them_all(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    await provision(nats, Log(pool), budget=settings.stream_budget)
    quiet = Fleet(nats, pool, Log(pool))

    async def recorder(stack: AsyncExitStack, shards: tuple[int, ...]) -> Running:
        return await stack.enter_async_context(
            running(settings.model_copy(update={"recorder_shards": shards}), pool, nats)
        )

    async def ahead() -> bool:
        reached = {
            row["shard"]: row["sequence"]
            for row in await pool.fetch("select shard, sequence from supervisor_heartbeat.watermarks")
        }
        return (
            min(reached[shard] for shard in HALVES[0]) > max(reached[shard] for shard in HALVES[1]) + SENDERS
        )

    async with AsyncExitStack() as stack:
        await recorder(stack, HALVES[0])
        fleet = await recorder(stack, HALVES[1])
        await rounds(fleet)
        await fleet.recorded()
        owners = {
            row["owner"] for row in await pool.fetch("select owner from supervisor_heartbeat.watermarks")
        }
        assert len(owners) == 2
        assert len(await recorded(fleet)) == SENDERS * ROUNDS
    async with AsyncExitStack() as stack:  # one half goes on, and gets ahead of the other
        await recorder(stack, HALVES[0])
        await rounds(quiet)
        await quiet.canaries()
        await eventually(ahead)
    await rounds(quiet)
    async with AsyncExitStack() as stack:
        fleet = await recorder(stack, HALVES[0] + HALVES[1])
        await rounds(fleet)
        await fleet.recorded()

        async def registered() -> bool:
            return all([await quiet.events(f"supervisor-t{number}") for number in range(SENDERS)])

        await eventually(registered, because="what was recorded is still to be told to the log")
    kept = await recorded(quiet)
    assert len(kept) == len(set(kept)) == 4 * SENDERS * ROUNDS
    assert {len(await quiet.events(f"supervisor-t{number}")) for number in range(SENDERS)} == {1}
