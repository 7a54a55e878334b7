"""The projection `contract`: which contracts wait for their start, who supervises them, whose they are, and which
tasks an agent's event returns.

The service reads back nothing else from the log, apart from the contracts' own streams.
"""

from collections.abc import Collection, Sequence
from copy import deepcopy
from dataclasses import astuple
from pathlib import Path
from typing import Final, cast

import asyncpg
from makima_kernel.event_log.columns import columns
from makima_kernel.event_log.named_sql import named
from makima_kernel.projections.projection import Applied
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatusChanged, AgentStep
from makima_schemas.assignment import Admission
from makima_schemas.contract.events import (
    ContractAssigned,
    ContractCreated,
    ContractDeleted,
    ContractReopened,
    ContractResumed,
)
from makima_schemas.daemon import DaemonAdmitted
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged

from makima_contract.domain.returns import tasks_to_return
from makima_contract.event_entities import (
    Key,
    SupervisorKey,
    contract_key,
    contract_of_agent,
    contract_of_supervisor,
    daemons_of,
    supervisors_of,
)
from makima_contract.rows import (
    NO_LONGER_CREATED,
    AssignmentRecord,
    PendingStartRecord,
    Rows,
    SupervisorRecord,
)

SQL: Final = named(Path(__file__).with_suffix(".sql"))


class Unstarted:
    """The projection `contract`, with its tables in the schema `contract`."""

    name = "contract"
    schema = "contract"
    tables = ("unstarted", "supervisors", "assignments", "admissions", "agent_connections", "task_returns")
    fold_number = 5
    events: frozenset[type] = frozenset(
        {
            ContractCreated,
            ContractResumed,
            ContractReopened,
            ContractAssigned,
            *NO_LONGER_CREATED,
            SupervisorRegistered,
            SupervisorStateChanged,
            DaemonAdmitted,
            AgentJoined,
            AgentLeft,
            AgentStatusChanged,
        }
    )

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        """Called by the projector, in the transaction that moves the checkpoint."""
        await _agents(connection, batch)
        batch = [applied for applied in batch if contract_of_agent(applied) is None]
        touched = {contract_of_supervisor(applied) or contract_key(applied) for applied in batch}
        rows = await _load(connection, touched, supervisors_of(batch), daemons_of(batch))
        before = deepcopy(rows)
        for applied in batch:
            rows.fold(applied)
        await _store(connection, before, rows)


async def _agents(connection: asyncpg.Connection, whole: Sequence[Applied]) -> None:
    """Notes the connections that joined, and the tasks that are to be returned because of the agents' events.

    A contract that is deleted takes with it what was before: so the rows do not depend on where a batch ends.
    """
    deleted = {
        contract_key(applied): applied.recorded.position
        for applied in whole
        if isinstance(applied.event, ContractDeleted)
    }
    await _execute(connection, "forget_connections", deleted, 2)
    await _execute(connection, "forget_returns", deleted, 2)
    batch = [
        applied
        for applied in whole
        if (contract := contract_of_agent(applied)) is not None
        and applied.recorded.position > deleted.get(contract, 0)
    ]
    joined = [
        (applied.recorded.tenant, event.contract_id, event.connection_id, event.role)
        for applied in batch
        if isinstance(event := applied.event, AgentJoined)
    ]
    stored = await connection.fetch(SQL["store_connections"], *columns(joined, 4)) if joined else []
    new = {tuple(row) for row in stored}
    to_return = list[tuple[object, ...]]()
    for applied in batch:
        recorded, event = applied.recorded, cast("AgentStep", applied.event)
        known_as = (recorded.tenant, event.contract_id, event.connection_id)
        returned = tasks_to_return(event, recorded.version, new_connection=known_as in new)
        if isinstance(event, AgentJoined):
            new.discard(known_as)  # another join of it in this batch is a return
        if returned is not None:
            to_return.append(
                (
                    recorded.tenant,
                    event.contract_id,
                    *astuple(returned),
                    recorded.position,
                    recorded.meta.get("traceparent"),
                )
            )
    await _execute(connection, "store_returns", to_return, 8)


async def _load(
    connection: asyncpg.Connection,
    touched: Collection[Key],
    supervisors: tuple[Collection[Key], Collection[SupervisorKey]],
    daemons: Collection[Key],
) -> Rows:
    """The rows of the contracts `touched`, locked until the transaction ends, their supervisors as
    `supervisors_of` names them, and the admissions that bear on them: of `daemons`, and of those supervisors'.
    """
    rows, keys = Rows(), columns(touched, 2)
    known = await connection.fetch(SQL["supervisors_of_contracts"], *columns(supervisors[0], 2))
    known += await connection.fetch(SQL["supervisors_touched"], *columns(supervisors[1], 3))
    for tenant, contract_id, *start in await connection.fetch(SQL["unstarted_touched"], *keys):
        rows.starts[(tenant, contract_id)] = PendingStartRecord(*start)
    for tenant, contract_id, task_id, *members in known:
        rows.supervisors.setdefault((tenant, contract_id), {})[task_id] = SupervisorRecord(*members)
    for tenant, contract_id, *assigned in await connection.fetch(SQL["assignments_touched"], *keys):
        rows.assignments[(tenant, contract_id)] = AssignmentRecord(*assigned)
    running = {
        (tenant, known.daemon_id)
        for (tenant, _), all_known in rows.supervisors.items()
        for known in all_known.values()
        if known.daemon_id is not None
    }
    if named := running.union(daemons):
        for tenant, daemon_id, owner in await connection.fetch(SQL["admissions_of"], *columns(named, 2)):
            rows.admissions[(tenant, daemon_id)] = Admission(owner)
    return rows


async def _store(connection: asyncpg.Connection, before: Rows, rows: Rows) -> None:
    """Writes only rows that changed: most state changes of a supervisor change no column here."""
    starts = [
        (*key, *astuple(start)) for key, start in rows.starts.items() if before.starts.get(key) != start
    ]
    supervisors = [
        (*key, task_id, *astuple(known))
        for key, all_known in rows.supervisors.items()
        for task_id, known in all_known.items()
        if before.supervisors.get(key, {}).get(task_id) != known
    ]
    await _execute(connection, "forget", before.starts.keys() - rows.starts.keys(), 2)
    await _execute(connection, "forget_supervisors", before.supervisors.keys() - rows.supervisors.keys(), 2)
    await _execute(connection, "store_unstarted", starts, 4)
    await _execute(connection, "store_supervisors", supervisors, 8)
    await _store_assignments(connection, before, rows)


async def _store_assignments(connection: asyncpg.Connection, before: Rows, rows: Rows) -> None:
    """Writes the assignments and admissions that are new or changed."""
    assigned = [
        (*key, *astuple(row)) for key, row in rows.assignments.items() if before.assignments.get(key) != row
    ]
    admitted = [
        (*key, row.owner) for key, row in rows.admissions.items() if before.admissions.get(key) != row
    ]
    await _execute(connection, "forget_assignments", before.assignments.keys() - rows.assignments.keys(), 2)
    await _execute(connection, "store_assignments", assigned, 4)
    await _execute(connection, "store_admissions", admitted, 3)


async def _execute(
    connection: asyncpg.Connection, name: str, rows: Collection[tuple[object, ...]], width: int
) -> None:
    """Executes the named statement for `rows` of `width` columns. No rows: no statement."""
    if rows:
        await connection.execute(SQL[name], *columns(rows, width))
