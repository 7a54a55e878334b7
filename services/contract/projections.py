"""Which contracts still wait for their start, and whose supervisor was heard: all that this service reads back from the log."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.log.projection import Applied
from makima_kernel.log.sql import named
from makima_schemas.contract.events import (
    ContractArchived,
    ContractCompleted,
    ContractCreated,
    ContractDeleted,
    ContractFailed,
    ContractStarted,
)
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged

SQL: Final = named(Path(__file__).with_suffix(".sql"))
NO_LONGER_CREATED: Final = (ContractStarted, ContractCompleted, ContractFailed, ContractArchived, ContractDeleted)

Key = tuple[str, str]


class Unstarted:
    """The projection `contract`."""

    name = "contract"
    schema = "contract"
    tables = ("unstarted",)
    events: frozenset[type] = frozenset({ContractCreated, *NO_LONGER_CREATED, SupervisorRegistered, SupervisorStateChanged})

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        created = {_key(applied): applied for applied in batch if isinstance(applied.event, ContractCreated)}
        ended = {_key(applied) for applied in batch if isinstance(applied.event, NO_LONGER_CREATED)}
        heard = {key: applied for applied in batch if (key := heard_for(applied)) is not None}
        if created.keys() - ended:
            await connection.execute(SQL["remember"], *_columns(sorted(created.keys() - ended), 2))
        if ended - created.keys():
            await connection.execute(SQL["forget"], *_columns(sorted(ended - created.keys()), 2))
        if heard:
            rows = [(*key, applied.recorded.position, applied.recorded.meta.get("traceparent")) for key, applied in heard.items()]
            await connection.execute(SQL["supervise"], *_columns(rows, 4))


def heard_for(applied: Applied) -> Key | None:
    """The contract whose supervisor this event says is alive."""
    match applied.event:
        case SupervisorRegistered(contract_id=contract_id):
            return applied.recorded.tenant, contract_id
        case SupervisorStateChanged(contract_id=contract_id, changed_by="heartbeat"):
            return applied.recorded.tenant, contract_id
        case _:
            return None


def _key(applied: Applied) -> Key:
    return applied.recorded.tenant, applied.recorded.entity_id


def _columns(rows: Iterable[tuple[object, ...]], width: int) -> list[list[object]]:
    """Rows as the parallel arrays that `unnest` takes."""
    listed = list(rows)
    return [[row[index] for row in listed] for index in range(width)]
