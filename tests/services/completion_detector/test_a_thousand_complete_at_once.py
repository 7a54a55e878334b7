"""A thousand contracts (in `make test` two hundred) become complete at once, before two replicas of the
detector: each is completed once.
"""

import asyncio
from collections import Counter

import asyncpg
from makima_kernel.testing import eventually
from makima_schemas.contract import commands as c

from tests.chaos import times
from tests.services.completion_detector.conftest import World, simple
from tests.services.completion_detector.contract_steps import SHIPPED

CONTRACTS = times(full=1000, short=200)  # more than one look takes at once
AT_ONCE = 64


async def test_each_is_completed_once(world: World, pool: asyncpg.Pool) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def send(number: int, *commands: c.ContractCommand) -> None:
        async with room:
            await world.send(f"c{number}", *commands)

    await asyncio.gather(
        *(send(number, simple(contract_type="execute"), c.StartContract()) for number in range(CONTRACTS))
    )
    await asyncio.gather(world.replica(), world.replica())
    await asyncio.gather(*(send(number, SHIPPED) for number in range(CONTRACTS)))

    async def completed() -> bool:
        return (
            await pool.fetchval("select count(*) from event_log.events where type = 'ContractCompleted'")
            >= CONTRACTS
        )

    await eventually(completed, 120)
    await world.nothing_owed()
    rows = await pool.fetch("select type, stream, count(*) from event_log.events group by type, stream")
    times = Counter((row["type"], row["count"]) for row in rows)
    once = (
        "ContractCreated",
        "ContractStarted",
        "DeliverableCompleted",
        "CompletionStarted",
        "ContractCompleted",
        "CompletionDetected",
    )
    assert {name: times[name, 1] for name in once} == dict.fromkeys(once, CONTRACTS)
    assert {name for name, count in times if count > 1} == set(), "something was done twice"
