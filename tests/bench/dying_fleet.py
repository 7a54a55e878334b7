"""A fleet of senders in a process of its own, known to the log, beating, and dying as told."""

import asyncio
import time
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import asyncpg
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.testing import eventually
from makima_schemas import subjects
from nats.aio.client import Client

from tests.bench.heartbeat_fleet import daemon_of
from tests.bench.processes import process
from tests.bench.verdict_load import Load, is_agent, sender_id

# One for each sender: a supervisor of no contract is not judged.
CONTRACTS = """
insert into stale_detector.contracts
  (tenant, contract_id, status, version, last_activity_at, counts_from, counts_position, owner_id, live_supervisors)
select 'default', contract_id, 'created', 1, now(), now(), 1, '', '{}' from stale_detector.senders
"""
CANARIES = 8 / 0.05  # a second, in the same stream


async def die(client: Client, senders: Process, found: dict[str, float], first: int, load: Load) -> float:
    """From sender `first` on they die, a trickle and then a burst; the rate at which heartbeats came
    meanwhile. It begins once the detector has heard everyone: who died before it was there gets a timeout of
    its own.
    """
    await asyncio.sleep(load.interval)
    before, since = await stored(client), time.monotonic()
    await tell(senders, first, first + load.trickle, load.over)
    await asyncio.sleep(load.over)
    rate = (await stored(client) - before) / (time.monotonic() - since) - CANARIES
    await judged(found, load.ids(first, first + load.trickle), 2 * load.timeout)
    await tell(senders, first + load.trickle, first + load.dying, 0.0)
    burst = load.ids(first + load.trickle, first + load.dying)
    await judged(found, burst, load.interval + 2 * load.timeout)
    return rate


async def prepare(dsn: str, client: Client, load: Load) -> None:
    """The streams, and everyone alive by the log as the detector has folded it."""
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
        await provision(client, Log(pool), budget=0.25)
        rows = [
            (
                ("agent:" if is_agent(number, agents=load.agents) else "supervisor:")
                + sender_id(number, agents=load.agents),
                True,
                number + 1,
                f"c{number}",
                daemon_of(number),
                f"t{number}-1",
                list[str](),
            )
            for number in range(load.senders)
        ]
        columns = [
            "name",
            "alive",
            "alive_position",
            "contract_id",
            "daemon_id",
            "connection_id",
            "superseded",
        ]
        async with pool.acquire() as connection:
            await cast("asyncpg.Connection", connection).copy_records_to_table(
                "senders", schema_name="stale_detector", records=rows, columns=columns
            )
            await connection.execute(CONTRACTS)


async def full(client: Client, count: int) -> None:
    """Wait until everyone has beaten once."""

    async def there() -> bool:
        return await stored(client) >= count

    await eventually(there, 300.0, every=0.5)


async def stored(client: Client) -> int:
    return (await client.jetstream().stream_info(subjects.HEARTBEATS_STREAM)).state.last_seq


async def tell(senders: Process, first: int, last: int, seconds: float) -> None:
    assert senders.stdin is not None
    senders.stdin.write(f"die {first} {last} {seconds}\n".encode())
    await senders.stdin.drain()


async def judged(found: dict[str, float], ids: list[str], timeout: float) -> None:
    expected = set(ids)
    await eventually(
        lambda: found.keys() >= expected, timeout + 10.0, every=0.25, because="not every death was found"
    )


@asynccontextmanager
async def fleet(url: str, load: Load) -> AsyncGenerator[Process]:
    kinds = ["agents"] if load.agents else []
    async with process(
        "tests.bench.heartbeat_fleet", url, str(load.senders), str(load.interval), *kinds
    ) as running:
        yield running
