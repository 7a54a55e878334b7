"""The table `drives` of the read model: of every contract, whether somebody drives it."""

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.event_log.columns import columns
from makima_kernel.event_log.named_sql import named
from makima_kernel.projections.projection import Applied
from makima_schemas.contract.model import ContractStatus
from makima_schemas.supervisor import SupervisorState

from makima_supervisor_heartbeat.domain.placement import EVENTS, Drive, Heard, evolve
from makima_supervisor_heartbeat.rows import execute

SQL: Final = named(Path(__file__).with_suffix(".sql"))
MEMBERS: Final = attrgetter(*(field.name for field in fields(Drive)))  # `astuple` copies each of them
Key = tuple[str, str]  # tenant, contract id


async def store_drives(connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
    """Folds a batch of events into the table; called by the projection, in its transaction."""
    about = [
        ((each.recorded.tenant, _contract_of(each)), each)
        for each in batch
        if isinstance(each.event, Heard) or type(each.event) in EVENTS
    ]
    if not about:
        return
    keys = sorted({key for key, _ in about})
    before = {
        (row["tenant"], row["contract_id"]): _drive(row)
        for row in await connection.fetch(SQL["touched"], *columns(keys, 2))
    }
    after: dict[Key, Drive | None] = dict(before)
    for key, each in about:
        after[key] = evolve(after.get(key), each.event, each.recorded.entity_id, each.recorded.position)
    stored = [
        (*key, *MEMBERS(drive))
        for key, drive in after.items()
        if drive is not None and drive != before.get(key)
    ]
    gone = [key for key in before if after[key] is None]
    await execute(connection, SQL["store"], stored, 8)
    await execute(connection, SQL["forget"], gone, 2)


def _contract_of(each: Applied) -> str:
    return each.event.contract_id if isinstance(each.event, Heard) else each.recorded.entity_id


def _drive(row: asyncpg.Record) -> Drive:
    state = None if row["state"] is None else SupervisorState(row["state"])
    return Drive(
        row["contract_type"],
        row["phase"],
        ContractStatus(row["status"]),
        row["task_id"],
        state,
        row["wanted_at"],
    )
