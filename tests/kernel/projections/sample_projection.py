"""A projection for tests: what happened to contracts, line by line, and a tally of each contract."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import asyncpg
from makima_kernel.event_log.append import NewEvent
from makima_kernel.projections.projection import Applied
from makima_kernel.projections.projector import Projector
from makima_schemas.contract.events import ContractPaused, ContractResumed, MessageSent
from uuid_utils.compat import uuid7

TABLES = """
create schema sample_projection;
create table sample_projection.line (
    position bigint primary key,
    stream text not null,
    type text not null,
    text text
);
create table sample_projection.tally (
    stream text constraint tally_is_by_stream primary key,
    events int not null check (events > 0),
    last_position bigint not null
) with (fillfactor = 70);
create index tally_by_position on sample_projection.tally (last_position desc) where events > 1;
"""


@dataclass
class SampleProjection:
    """`gate` holds the next batch up; `failing_at` makes it fail at that position; `applied` counts the
    batches.
    """

    name: str = "sample_projection"
    schema: str = "sample_projection"
    tables: tuple[str, ...] = ("line", "tally")
    fold_number: int = 1
    events: frozenset[type] = frozenset({ContractPaused, ContractResumed, MessageSent})
    failing_at: int | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    batches: list[int] = field(default_factory=list[int])

    def __post_init__(self) -> None:
        self.gate.set()

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        if self.failing_at in [applied.recorded.position for applied in batch]:
            raise ArithmeticError(f"cannot apply {self.failing_at}")
        await connection.execute(
            """insert into line (position, stream, type, text)
               select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[])""",
            [applied.recorded.position for applied in batch],
            [applied.recorded.stream for applied in batch],
            [applied.recorded.type for applied in batch],
            [text_of(applied) for applied in batch],
        )
        await connection.execute(
            """insert into tally as t (stream, events, last_position)
               select stream, count(*), max(position) from unnest($1::bigint[], $2::text[]) as u (position, stream) group by stream
               on conflict (stream) do update set events = t.events + excluded.events, last_position = excluded.last_position""",
            [applied.recorded.position for applied in batch],
            [applied.recorded.stream for applied in batch],
        )
        await self.gate.wait()
        self.batches.append(len(batch))


def text_of(applied: Applied) -> str | None:
    match applied.event:
        case ContractPaused(reason=reason):
            return reason
        case MessageSent(content=content):
            return content
        case _:
            return None


Line = tuple[int, str, str, str | None]
Tally = tuple[str, int, int]


async def rows(reader: asyncpg.Pool | asyncpg.Connection) -> tuple[list[Line], list[Tally]]:
    lines = await reader.fetch("select * from sample_projection.line order by position")
    tally = await reader.fetch("select * from sample_projection.tally order by stream")
    return [cast("Line", tuple(row)) for row in lines], [cast("Tally", tuple(row)) for row in tally]


def raw(name: str, schema: int, data: bytes) -> NewEvent:
    """An event that this build would not write."""
    return NewEvent(uuid7(), name, schema, data)


Replica = Callable[..., Projector]


async def ready(projector: Projector) -> bool:
    return await told(projector) is None


async def told(projector: Projector) -> str | None:
    """What its checks say."""
    return await projector.check_replica() or await projector.check_read_model()
