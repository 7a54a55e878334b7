"""The read models that we ship, and their rows without what the clock gives."""

from collections import Counter
from collections.abc import Collection

import asyncpg
from makima_completion_detector.projections import Contracts
from makima_contract.projections import Unstarted
from makima_gateway.read_model.projection import ReadModel
from makima_kernel.projections.projection import Projection
from makima_stale_detector.projections import Silence
from makima_supervisor_heartbeat.projections import KnownSenders

OURS: list[Projection] = [ReadModel(), Unstarted(), KnownSenders(), Silence(), Contracts()]
WHEN_A_LOOK_IS_DUE = {"due_at", "leased_until"}  # a queue's times, by the clock: no part of the fold
# What the services themselves write into their tables, besides the fold: which commands they have sent.
SENT = {"supervised_at", "owed_at"}
QUEUES = {"completion_detector.todo", "stale_detector.owed", "supervisor_heartbeat.follow_ups"}


async def rows(
    pool: asyncpg.Pool, projection: Projection, without: Collection[str] = ()
) -> dict[str, Counter[str]]:
    """Table → its rows, `without` these columns."""
    hidden = WHEN_A_LOOK_IS_DUE.union(without)
    return {
        f"{projection.schema}.{table}": Counter(
            shown(row, hidden) for row in await pool.fetch(f'select * from {projection.schema}."{table}"')
        )
        for table in projection.tables
    }


async def folded_rows(pool: asyncpg.Pool, projection: Projection) -> dict[str, Counter[str]]:
    """Of the tables that are the fold and nothing else, also once services have sent commands."""
    found = await rows(pool, projection, SENT)
    return {table: of_table for table, of_table in found.items() if table not in QUEUES}


def shown(row: asyncpg.Record, hidden: Collection[str]) -> str:
    return repr([item for item in row.items() if item[0] not in hidden])
