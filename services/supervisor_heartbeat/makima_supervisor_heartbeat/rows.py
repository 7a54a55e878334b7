"""The tables `saved_state` and `restored` of the read model, and how rows of the projection are written."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.event_log.columns import columns
from makima_kernel.event_log.named_sql import named
from makima_kernel.projections.projection import Applied
from makima_schemas.contract.events import ContractAssigned, ContractDeleted
from makima_schemas.saved_state import size_of
from makima_schemas.supervisor import (
    CheckpointSaved,
    RestorationProved,
    SupervisorSaved,
)

SQL: Final = named(Path(__file__).with_suffix(".sql"))

Key = tuple[str, str]  # tenant, contract id


async def execute(
    connection: asyncpg.Connection, statement: str, rows: Iterable[tuple[object, ...]], width: int
) -> None:
    """Executes the statement for `rows`. No rows: no statement."""
    if stored := sorted(rows):
        await connection.execute(statement, *columns(stored, width))


async def store_saves(connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
    """Counts the bytes that were saved; a deleted contract's are no more counted."""
    sizes = dict[tuple[str, str], int]()
    deleted = set[Key]()
    for each in batch:
        match each.event:
            case SupervisorSaved(contract_id=contract_id) | CheckpointSaved(contract_id=contract_id):
                key = (each.recorded.tenant, contract_id)
                sizes[key] = sizes.get(key, 0) + size_of(each.event.content)
            case ContractDeleted():
                key = (each.recorded.tenant, each.recorded.entity_id)
                sizes.pop(key, None)
                deleted.add(key)
            case _:
                pass
    await execute(connection, SQL["forget_saves"], deleted, 2)
    await execute(connection, SQL["count_saves"], ((*key, size) for key, size in sizes.items()), 3)


async def store_restored(connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
    """Notes the restorations that were proved, until the contract is assigned accordingly."""
    due = dict[Key, tuple[str, str, str, int]]()
    done = dict[tuple[str, str, str | None], None]()
    for each in batch:
        recorded = each.recorded
        match each.event:
            case RestorationProved() as proof:
                due[recorded.tenant, proof.contract_id] = (
                    recorded.entity_id,
                    proof.daemon_id,
                    proof.connection_id,
                    recorded.position,
                )
            case ContractAssigned(connection_id=str() as connection_id):
                key = (recorded.tenant, recorded.entity_id)
                if key in due and due[key][2] == connection_id:
                    del due[key]
                done[*key, connection_id] = None
            case ContractDeleted():
                due.pop((recorded.tenant, recorded.entity_id), None)
                done[recorded.tenant, recorded.entity_id, None] = None
            case _:
                pass
    if done:  # None is any connection: these rows cannot be sorted
        await connection.execute(SQL["forget_restored"], *columns(list(done), 3))
    await execute(connection, SQL["store_restored"], ((*key, *row) for key, row in due.items()), 6)
