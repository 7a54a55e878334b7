"""The sample read model beside the fold of the log that it has to equal."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import asyncpg
from makima_kernel.event_log.log import Log
from makima_kernel.projections.checkpoint import SQL
from makima_kernel.projections.projection import Applied
from makima_kernel.testing import eventually
from makima_schemas.codec import decode

from tests.kernel.event_log.filling import fill
from tests.kernel.projections.sample_projection import (
    Line,
    SampleProjection,
    Tally,
    rows,
    text_of,
)


async def fold(pool: asyncpg.Pool, position: int) -> tuple[list[Line], list[Tally]]:
    """What the tables must show at `position`, computed without them."""
    lines: list[Line] = []
    subscribed = {cls.__name__ for cls in SampleProjection().events}
    for recorded in await Log(pool).after(0, position) if position else []:
        if recorded.type in subscribed and recorded.data != b'{"reason": 7}':
            applied = Applied(recorded, decode(recorded.type, recorded.schema, recorded.data))
            lines.append((recorded.position, recorded.stream, recorded.type, text_of(applied)))
    last = {stream: position for position, stream, *_ in lines}
    counts = Counter(stream for _, stream, *_ in lines)
    return lines, [(stream, counts[stream], last[stream]) for stream in sorted(counts)]


async def equals_the_fold(pool: asyncpg.Pool) -> int:
    """Checkpoint and rows, read together; the position they show."""
    async with pool.acquire() as acquired, acquired.transaction(isolation="repeatable_read"):
        reader = cast("asyncpg.Connection", acquired)
        position = await reader.fetchval(
            "select coalesce(min(position), 0) from event_log.checkpoints where consumer = 'sample_projection'"
        )
        shown = await rows(reader)
    assert shown == await fold(pool, position)
    return position


@asynccontextmanager
async def held_up_in(pool: asyncpg.Pool, statement: str, *, of: str) -> AsyncGenerator[None]:
    """Within, the checkpoint is locked and the named statement of that replica waits for it; now and then
    another one is first.
    """

    async def waiting() -> str | None:
        return await pool.fetchval(
            "select query from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'", of
        )

    while True:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "select from event_log.checkpoints where consumer = 'sample_projection' for update"
            )
            await fill(pool, 10)
            found = await eventually(waiting, because=f"{of} never waited for its checkpoint")
            if SQL[statement].startswith(str(found)):  # Postgres shows the first 1,024 bytes
                yield
                return


async def at_least(pool: asyncpg.Pool, position: int) -> bool:
    return await equals_the_fold(pool) >= position
