"""Read model: one row per supervisor or daemon with its folded state, one per contract with who runs it.

A recorder loads it at start.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.event_log.columns import columns
from makima_kernel.event_log.named_sql import named
from makima_kernel.projections.projection import Applied
from makima_schemas.contract.events import ContractAssigned, ContractCreated, ContractDeleted
from makima_schemas.daemon import DaemonAdmitted, DaemonConnected, DaemonDisconnected
from makima_schemas.identity import stream_name
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged

from makima_supervisor_heartbeat.domain.contracts import Assigned, heard
from makima_supervisor_heartbeat.domain.daemon import Daemon
from makima_supervisor_heartbeat.domain.sender_state import (
    SenderState,
    dump_state,
    evolve,
    initial,
    load_state,
)

SQL: Final = named(Path(__file__).with_suffix(".sql"))
SupervisorHeard = SupervisorRegistered | SupervisorStateChanged
OfSender = SupervisorHeard | DaemonAdmitted | DaemonConnected | DaemonDisconnected
OfContract = ContractCreated | ContractAssigned | ContractDeleted

Key = tuple[str, str]  # tenant, and the name of a stream or the id of a contract


class KnownSenders:
    """The projection `supervisor_heartbeat`, with the tables `senders` and `assignments`."""

    name = "supervisor_heartbeat"
    schema = "supervisor_heartbeat"
    tables = ("senders", "assignments")
    fold_number = 2
    events: frozenset[type] = frozenset(
        (
            SupervisorRegistered,
            SupervisorStateChanged,
            DaemonAdmitted,
            DaemonConnected,
            DaemonDisconnected,
            ContractCreated,
            ContractAssigned,
            ContractDeleted,
        )
    )

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        states = await _load_senders(connection, batch)
        assigned = await _load_assignments(connection, batch)
        before = {key: (each.owner_id, each.daemon_id) for key, each in assigned.items()}
        changed = dict[Key, None]()
        for applied in batch:
            tenant, event = applied.recorded.tenant, applied.event
            if isinstance(event, OfContract):
                _fold_contract(assigned, (tenant, applied.recorded.entity_id), event)
            elif isinstance(event, OfSender):
                key = (tenant, applied.recorded.stream)
                states[key], changed[key] = evolve(states[key], event), None
                if isinstance(event, SupervisorHeard) and (tenant, event.contract_id) in assigned:
                    daemon = states[(tenant, stream_name("daemon", event.daemon_id))]
                    admission = daemon.admission if isinstance(daemon, Daemon) else None
                    heard(assigned[(tenant, event.contract_id)], event.daemon_id, admission)
        rows = [(*key, dump_state(states[key])) for key in sorted(changed)]
        after = {key: (each.owner_id, each.daemon_id) for key, each in assigned.items()}
        new = [(*key, *row) for key, row in after.items() if before.get(key) != row]
        for name, stored, width in (
            ("store", rows, 3),
            ("store_assignments", new, 4),
            ("forget_assignments", sorted(before.keys() - after.keys()), 2),
        ):
            if stored:
                await connection.execute(SQL[name], *columns(stored, width))


def _fold_contract(assigned: dict[Key, Assigned], key: Key, event: OfContract) -> None:
    match event:
        case ContractCreated(owner_id=owner_id):
            assigned[key] = Assigned(owner_id)
        case ContractAssigned(daemon_id=daemon_id):
            if key in assigned:
                assigned[key].daemon_id = daemon_id
        case ContractDeleted():
            assigned.pop(key, None)


async def _load_senders(connection: asyncpg.Connection, batch: Sequence[Applied]) -> dict[Key, SenderState]:
    """The senders that the events are about, and the daemons that supervisors name."""
    keys = {
        (each.recorded.tenant, each.recorded.stream) for each in batch if isinstance(each.event, OfSender)
    }
    keys |= {
        (each.recorded.tenant, stream_name("daemon", each.event.daemon_id))
        for each in batch
        if isinstance(each.event, SupervisorHeard)
    }
    states: dict[Key, SenderState] = {key: initial(key[1]) for key in keys}
    for row in await connection.fetch(SQL["touched"], *columns(sorted(keys), 2)) if keys else ():
        states[(row["tenant"], row["stream"])] = load_state(row["stream"], row["told"])
    return states


async def _load_assignments(connection: asyncpg.Connection, batch: Sequence[Applied]) -> dict[Key, Assigned]:
    """The contracts that the events are about."""
    keys = {
        (
            each.recorded.tenant,
            each.event.contract_id if isinstance(each.event, SupervisorHeard) else each.recorded.entity_id,
        )
        for each in batch
        if isinstance(each.event, SupervisorHeard | OfContract)
    }
    rows = await connection.fetch(SQL["assignments_touched"], *columns(sorted(keys), 2)) if keys else ()
    return {(row["tenant"], row["contract_id"]): Assigned(row["owner_id"], row["daemon_id"]) for row in rows}
