"""P11: rebuilding each read model from the supervisors of one contract, beside as many of contracts of their own:
what an event costs must not grow with its contract.
"""

import time
from typing import Final

import asyncpg
from makima_kernel.event_log.append import SQL, Append, arguments, new_event
from makima_kernel.event_log.log import Log
from makima_kernel.projections.rebuild import rebuild
from makima_schemas.codec import Event
from makima_schemas.contract.events import ContractCreated
from makima_schemas.contract.model import Phase
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState, SupervisorStateChanged

from tests.bench.figure import BenchEnv, Figure
from tests.bench.writers import META, some_id
from tests.guarantees.read_models import OURS

SUPERVISORS: Final = 20_000
TOGETHER: Final = 500
CREATED: Final = ContractCreated(
    "demo", "", "simple", "ada", (Phase("plan"),), phase_guard=False, auto_complete_enabled=True
)


async def measure(env: BenchEnv) -> list[Figure]:
    seconds = [await rebuilt(await env.database(), contracts) for contracts in (1, SUPERVISORS)]
    return [
        Figure(
            "P11",
            f"rebuild of {name}, {SUPERVISORS:,} supervisors of one contract",
            one,
            "s",
            apart,
            "of contracts of their own",
            "≤ 1.3 ×",
            one <= 1.3 * apart,
        )
        for (name, one), apart in zip(seconds[0].items(), seconds[1].values(), strict=True)
    ]


async def rebuilt(dsn: str, contracts: int) -> dict[str, float]:
    """Seconds, by read model."""
    async with asyncpg.create_pool(dsn, min_size=2, max_size=4) as pool:
        for first in range(0, SUPERVISORS, TOGETHER):
            told: list[Append] = []
            for number in range(first, first + TOGETHER):
                told += lives(number, number % contracts, new=number < contracts)
            await pool.fetch(SQL, *arguments(told))
        took: dict[str, float] = {}
        for projection in OURS:
            began = time.monotonic()
            await rebuild(projection, pool, Log(pool))
            took[projection.name] = time.monotonic() - began
        return took


def lives(number: int, contract: int, *, new: bool) -> list[Append]:
    """A supervisor that is heard and begins to work, and its contract, if it is the first one there."""
    name, work = f"c{contract}", SupervisorState.WORKING
    heard = SupervisorRegistered(name, f"d{number % 50}", "k1", SupervisorState.IDLE, "plan")
    works = SupervisorStateChanged(
        name, f"d{number % 50}", "k1", SupervisorState.IDLE, work, "plan", "heartbeat"
    )
    supervisor = (f"supervisor-t{number}", (heard, works))
    streams: list[tuple[str, tuple[Event, ...]]] = [(f"contract-{name}", (CREATED,))] if new else []
    return [
        Append("default", stream, some_id(), b"h" * 32, None, tuple(map(new_event, events)), META)
        for stream, events in (*streams, supervisor)
    ]
