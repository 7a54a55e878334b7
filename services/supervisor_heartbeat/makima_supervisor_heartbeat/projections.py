"""Read model: one row per supervisor, agent or daemon with its folded state, one per contract with who runs it and
whether somebody drives it, and the tasks that its roles hold.

A recorder loads it at start.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

import asyncpg
import msgspec
from makima_kernel.event_log.columns import columns
from makima_kernel.event_log.named_sql import named
from makima_kernel.projections.projection import Applied
from makima_schemas.agent import AgentEvent, AgentJoined, AgentLeft, AgentStatusChanged, AgentStep
from makima_schemas.contract.events import (
    ContractAssigned,
    ContractCreated,
    ContractDeleted,
    TaskClaimed,
    TaskCompleted,
    TaskFailed,
    TaskReleased,
)
from makima_schemas.daemon import DaemonEvent
from makima_schemas.identity import agent_id, stream_name
from makima_schemas.supervisor import (
    RestorationProved,
    SupervisorRegistered,
    SupervisorSave,
    SupervisorStateChanged,
    SupervisorStep,
)

from makima_supervisor_heartbeat.domain import placement
from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.agents.work import AgentKey, Work, work_of
from makima_supervisor_heartbeat.domain.contracts import (
    OF_CONTRACT,
    Assigned,
    assign,
    follow_progress,
    heard,
    restored,
)
from makima_supervisor_heartbeat.domain.daemon import Daemon
from makima_supervisor_heartbeat.domain.sender_state import (
    OfSender,
    SenderState,
    dump_state,
    evolve,
    initial,
    load_state,
)
from makima_supervisor_heartbeat.drives import store_drives
from makima_supervisor_heartbeat.rows import execute, store_restored, store_saves

SQL: Final = named(Path(__file__).with_suffix(".sql"))

SupervisorHeard = SupervisorRegistered | SupervisorStateChanged
OfAgent = AgentStep
OfTask = TaskClaimed | TaskCompleted | TaskFailed | TaskReleased

Key = tuple[str, str]  # tenant, and the name of a stream or the id of a contract


class KnownSenders:
    """The projection `supervisor_heartbeat`."""

    name = "supervisor_heartbeat"
    schema = "supervisor_heartbeat"
    tables = (
        "senders", "assignments", "held_tasks", "follow_ups", "agent_connections", "saved_state", "restored", "drives",
    )  # fmt: skip
    fold_number = 5
    events: frozenset[type] = frozenset(
        (
            *get_args(SupervisorStep),
            *get_args(SupervisorSave),
            *get_args(AgentEvent),
            *get_args(DaemonEvent),
            *OF_CONTRACT,
            *placement.EVENTS,
        )
    )

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        work = await _load_work(connection, batch)
        held = work.rows()
        states = await _load_senders(connection, batch, work)
        assigned = await _load_assignments(connection, batch)
        before = {key: msgspec.structs.astuple(each) for key, each in assigned.items()}
        changed = dict[Key, None]()
        for applied in batch:
            tenant, event = applied.recorded.tenant, applied.event
            _fold_work(work, applied)
            if isinstance(event, OF_CONTRACT):
                _fold_contract(assigned, applied)
            elif isinstance(event, OfSender):
                key = (tenant, applied.recorded.stream)
                states[key], changed[key] = evolve(states[key], event), None
                if isinstance(event, SupervisorHeard) and (tenant, event.contract_id) in assigned:
                    daemon = states[(tenant, stream_name("daemon", event.daemon_id))]
                    admission = daemon.admission if isinstance(daemon, Daemon) else None
                    heard(assigned[(tenant, event.contract_id)], event.daemon_id, admission)
                if isinstance(event, RestorationProved) and (tenant, event.contract_id) in assigned:
                    contract = (tenant, event.contract_id)
                    assigned[contract] = restored(assigned[contract], event, applied.recorded.entity_id)
        after = {key: msgspec.structs.astuple(each) for key, each in assigned.items()}
        new = [(*key, *row) for key, row in after.items() if before.get(key) != row]
        await execute(connection, SQL["store"], ((*key, dump_state(states[key])) for key in changed), 3)
        await execute(connection, SQL["store_assignments"], new, 9)
        await execute(connection, SQL["forget_assignments"], before.keys() - after.keys(), 2)
        await _store_work(connection, batch, work, held, states)
        await store_saves(connection, batch)
        await store_restored(connection, batch)
        await store_drives(connection, batch)


def _fold_contract(assigned: dict[Key, Assigned], applied: Applied) -> None:
    key = (applied.recorded.tenant, applied.recorded.entity_id)
    match applied.event:
        case ContractCreated(owner_id=owner_id):
            assigned[key] = Assigned(owner_id)
        case ContractAssigned() as event:
            if key in assigned:
                assigned[key] = assign(assigned[key], event)
        case ContractDeleted():
            assigned.pop(key, None)
        case _:
            pass
    if key in assigned:
        follow_progress(assigned[key], applied.event, applied.recorded.recorded_at)


def _fold_work(work: Work, applied: Applied) -> None:
    recorded = applied.recorded
    match applied.event:
        case TaskClaimed() | TaskCompleted() | TaskFailed() | TaskReleased() as event:
            work.on_task((recorded.tenant, recorded.entity_id), event, recorded.position)
        case AgentJoined() | AgentStatusChanged() | AgentLeft() as event:
            work.on_agent(recorded.tenant, event, recorded.position)
        case ContractDeleted():
            work.on_deleted((recorded.tenant, recorded.entity_id), recorded.position)
        case _:
            pass


async def _store_work(
    connection: asyncpg.Connection,
    batch: Sequence[Applied],
    work: Work,
    before: set[tuple[str, str, str, str]],
    states: dict[Key, SenderState],
) -> None:
    """Writes the held tasks that changed, the agents that do not follow theirs, and the connections that joined."""
    after = work.rows()
    owing = {key for key in work.touched if work.owes(key, _agent(states, key))}
    joined = {
        (each.recorded.tenant, each.event.contract_id, each.event.role, each.event.connection_id)
        for each in batch
        if isinstance(each.event, AgentJoined)
    }
    gone = {row[:3] for row in before} - {row[:3] for row in after}
    due = [(*key, work.holds(key), work.touched[key][0]) for key in owing]
    await execute(connection, SQL["forget_held"], gone, 3)
    await execute(connection, SQL["store_held"], after - before, 4)
    await execute(connection, SQL["forget_follow_ups"], work.touched.keys() - owing, 3)
    await execute(connection, SQL["store_follow_ups"], due, 5)
    await execute(connection, SQL["store_connections"], joined, 4)


def _agent(states: dict[Key, SenderState], key: AgentKey) -> Agent:
    tenant, contract_id, role = key
    state = states.get((tenant, stream_name("agent", agent_id(contract_id, role))))
    return state if isinstance(state, Agent) else Agent()


async def _load_work(connection: asyncpg.Connection, batch: Sequence[Applied]) -> Work:
    """The tasks that are held in the contracts that the events are about, if they bear on tasks or agents."""
    contracts = {
        (
            each.recorded.tenant,
            each.event.contract_id if isinstance(each.event, OfAgent) else each.recorded.entity_id,
        )
        for each in batch
        if isinstance(each.event, OfAgent | OfTask | ContractDeleted)
    }
    if not contracts:
        return Work()
    rows = await connection.fetch(SQL["held_touched"], *columns(sorted(contracts), 2))
    return work_of((row["tenant"], row["contract_id"], row["task_id"], row["role"]) for row in rows)


def _roles(batch: Sequence[Applied], work: Work) -> set[AgentKey]:
    """The agents whose tasks the events may change."""
    held = {(*contract, role) for contract, tasks in work.held.items() for role in tasks.values()}
    claimed = {
        (each.recorded.tenant, each.recorded.entity_id, each.event.role)
        for each in batch
        if isinstance(each.event, TaskClaimed)
    }
    return held | claimed


async def _load_senders(
    connection: asyncpg.Connection, batch: Sequence[Applied], work: Work
) -> dict[Key, SenderState]:
    """The senders that the events are about, the daemons that supervisors name, and the agents that work."""
    keys = {
        (each.recorded.tenant, each.recorded.stream) for each in batch if isinstance(each.event, OfSender)
    }
    keys |= {
        (each.recorded.tenant, stream_name("daemon", each.event.daemon_id))
        for each in batch
        if isinstance(each.event, SupervisorHeard)
    }
    keys |= {
        (tenant, stream_name("agent", agent_id(contract_id, role)))
        for tenant, contract_id, role in _roles(batch, work)
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
            each.event.contract_id
            if isinstance(each.event, SupervisorHeard | RestorationProved)
            else each.recorded.entity_id,
        )
        for each in batch
        if isinstance(
            each.event, (SupervisorRegistered, SupervisorStateChanged, RestorationProved, *OF_CONTRACT)
        )
    }
    rows = await connection.fetch(SQL["assignments_touched"], *columns(sorted(keys), 2)) if keys else ()
    return {(tenant, contract_id): Assigned(*known) for tenant, contract_id, *known in rows}
