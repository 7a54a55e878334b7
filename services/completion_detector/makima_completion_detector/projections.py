"""The detector's read model: a snapshot per contract, its daemons, and a to-do row if it needs evaluation."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, cast, get_args

import asyncpg
from makima_kernel.event_log.columns import columns
from makima_kernel.event_log.named_sql import named
from makima_kernel.projections.projector import Applied
from makima_schemas.agent import AgentJoined
from makima_schemas.codec import adapter
from makima_schemas.contract.events import ContractAssigned, ContractEvent
from makima_schemas.contract.model import ACTIVE_STATUSES
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged

from makima_completion_detector.domain.snapshot import TRIGGERS, Snapshot, fold

SQL: Final = named(Path(__file__).with_suffix(".sql"))
SNAPSHOT: Final = adapter(Snapshot)

Key = tuple[str, str]  # (tenant, contract id)


class Contracts:
    """The projection `completion_detector`. The number of statements per batch is independent of its size."""

    name = "completion_detector"
    schema = "completion_detector"
    tables = ("contracts", "daemons", "todo")
    fold_number = 3
    events: frozenset[type] = frozenset(
        (*get_args(ContractEvent), SupervisorRegistered, SupervisorStateChanged, AgentJoined)
    )

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        """Called by the projector, in the transaction that moves the checkpoint.

        So a to-do row exists exactly if the event that requires it was applied.
        """
        about = [applied for applied in batch if applied.recorded.category == "contract"]
        before = await _load(connection, {_key(applied) for applied in about})
        after: dict[Key, Snapshot | None] = dict(before)
        for applied in about:
            after[_key(applied)] = fold(after.get(_key(applied)), applied.event, applied.recorded.version)
        await _store(connection, after)
        await _store_daemons(connection, batch)
        await _forget(connection, [key for key, snapshot in after.items() if snapshot is None])
        await _enqueue(connection, about, after)


async def _load(connection: asyncpg.Connection, keys: Iterable[Key]) -> dict[Key, Snapshot]:
    rows = await connection.fetch(SQL["touched"], *columns(keys, 2))
    return {
        (row["tenant"], row["contract_id"]): SNAPSHOT.validate_json(cast("str", row["snapshot"]))
        for row in rows
    }


async def _store(connection: asyncpg.Connection, after: dict[Key, Snapshot | None]) -> None:
    rows = [
        (tenant, contract_id, snapshot.version, SNAPSHOT.dump_json(snapshot).decode())
        for (tenant, contract_id), snapshot in after.items()
        if snapshot is not None
    ]
    if rows:
        await connection.execute(SQL["store"], *columns(rows, 4))


async def _store_daemons(connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
    rows = {(applied.recorded.tenant, *run) for applied in batch if (run := _run_by(applied)) is not None}
    if rows:
        await connection.execute(SQL["store_daemons"], *columns(sorted(rows), 3))


def _run_by(applied: Applied) -> tuple[str, str] | None:
    """(contract id, daemon id) if the event says that a daemon has, or may have, a worktree of the contract: it was
    given to the daemon, or an agent of any role came under it.
    """
    match applied.event:
        case ContractAssigned(daemon_id=daemon_id):
            return applied.recorded.entity_id, daemon_id
        case (
            SupervisorRegistered(contract_id=contract_id, daemon_id=str(daemon_id))
            | SupervisorStateChanged(contract_id=contract_id, daemon_id=str(daemon_id))
            | AgentJoined(contract_id=contract_id, daemon_id=str(daemon_id))
        ):
            return contract_id, daemon_id
        case _:
            return None


async def _forget(connection: asyncpg.Connection, keys: Sequence[Key]) -> None:
    if keys:
        await connection.execute(SQL["forget_contracts"], *columns(keys, 2))


async def _enqueue(
    connection: asyncpg.Connection, about: Sequence[Applied], after: dict[Key, Snapshot | None]
) -> None:
    """Adds a to-do row for each active contract with an event in `TRIGGERS`; deletes the others' rows.

    A row has the position and the trace of the last such event.
    """
    working = {
        key for key, snapshot in after.items() if snapshot is not None and snapshot.status in ACTIVE_STATUSES
    }
    idle = sorted(after.keys() - working)
    if idle:
        await connection.execute(SQL["forget_todo"], *columns(idle, 2))
    pending = {
        _key(applied): applied.recorded
        for applied in about
        if isinstance(applied.event, TRIGGERS) and _key(applied) in working
    }
    if pending:
        rows = [
            (*key, recorded.position, recorded.meta.get("traceparent"))
            for key, recorded in sorted(pending.items())
        ]
        await connection.execute(SQL["look_again"], *columns(rows, 4))


def _key(applied: Applied) -> Key:
    return applied.recorded.tenant, applied.recorded.entity_id
