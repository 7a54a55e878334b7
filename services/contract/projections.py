"""Which contracts still wait for their start, and which supervisors were heard: all that this service reads back from the log."""

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
    ContractResumed,
    ContractStarted,
)
from makima_schemas.contract.model import ContractStatus
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged

SQL: Final = named(Path(__file__).with_suffix(".sql"))
NO_LONGER_CREATED: Final = (ContractStarted, ContractCompleted, ContractFailed, ContractArchived, ContractDeleted)

Key = tuple[str, str]


class Unstarted:
    """The projection `contract`."""

    name = "contract"
    schema = "contract"
    tables = ("unstarted", "supervisors")
    events: frozenset[type] = frozenset(
        {ContractCreated, ContractResumed, *NO_LONGER_CREATED, SupervisorRegistered, SupervisorStateChanged}
    )

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        await _supervisors(connection, batch)
        await _contracts(connection, batch)


async def _supervisors(connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
    """Who there is, and whether it was heard or missed last."""
    new = [
        (*key, applied.recorded.entity_id, applied.recorded.position, applied.recorded.meta.get("traceparent"))
        for applied in batch
        if isinstance(applied.event, SupervisorRegistered) and (key := heard_for(applied)) is not None
    ]
    last = {(*key, applied.recorded.entity_id): applied for applied in batch if (key := _spoken_of(applied)) is not None}
    heard = [(*key, applied.recorded.position) for key, applied in last.items() if heard_for(applied) is not None]
    missed = [key for key, applied in last.items() if heard_for(applied) is None]
    await _execute(connection, "register", new, 5)
    await _execute(connection, "hear", heard, 4)
    await _execute(connection, "miss", missed, 3)


async def _contracts(connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
    created = {_key(applied): applied.recorded.position for applied in batch if isinstance(applied.event, ContractCreated)}
    ended = {_key(applied) for applied in batch if isinstance(applied.event, NO_LONGER_CREATED)}
    heard = {key: applied for applied in batch if (key := heard_for(applied)) is not None}
    spoken = [(*key, applied.recorded.position, applied.recorded.meta.get("traceparent")) for key, applied in heard.items()]
    resumed = {_key(applied): applied.recorded.position for applied in batch if resumes_unstarted(applied)}
    deleted = [_key(applied) for applied in batch if isinstance(applied.event, ContractDeleted)]
    await _execute(connection, "remember", [(*key, position) for key, position in created.items() if key not in ended], 3)
    await _execute(connection, "forget", sorted(ended - created.keys()), 2)
    await _execute(connection, "supervise", spoken, 4)
    await _execute(connection, "resume", [(*key, position) for key, position in resumed.items()], 3)
    await _execute(connection, "owe_tasks", [(*key, position) for key, position in created.items()], 3)
    await _execute(connection, "forget_supervisors", deleted, 2)


def heard_for(applied: Applied) -> Key | None:
    """The contract whose supervisor this event says is alive."""
    match applied.event:
        case SupervisorStateChanged(changed_by="heartbeat_expired"):
            return None
        case _:
            return _spoken_of(applied)


def resumes_unstarted(applied: Applied) -> bool:
    """Whether a contract that was paused before its start is back there."""
    return isinstance(applied.event, ContractResumed) and applied.event.to is ContractStatus.CREATED


def _spoken_of(applied: Applied) -> Key | None:
    """The contract whose supervisor this event is about."""
    match applied.event:
        case SupervisorRegistered(contract_id) | SupervisorStateChanged(contract_id):
            return applied.recorded.tenant, contract_id
        case _:
            return None


def _key(applied: Applied) -> Key:
    return applied.recorded.tenant, applied.recorded.entity_id


async def _execute(connection: asyncpg.Connection, name: str, rows: Iterable[tuple[object, ...]], width: int) -> None:
    """Rows as the parallel arrays that `unnest` takes; nothing to say, nothing asked."""
    listed = list(rows)
    if listed:
        await connection.execute(SQL[name], *([row[index] for row in listed] for index in range(width)))
