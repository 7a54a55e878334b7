"""The detector's read model: senders, contract progress, holds, and the outbox of `SilenceDetected`."""

from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Final

import asyncpg
import orjson
from makima_kernel.event_log.columns import columns
from makima_kernel.event_log.named_sql import named
from makima_kernel.projections.projector import Applied
from makima_schemas.agent import AgentStatus
from makima_schemas.codec import encode
from makima_schemas.contract.events import ContractCreated, ContractDeleted
from makima_schemas.silence import SilenceDetected, deterministic_id
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged

from makima_stale_detector.domain import role_tasks, staleness
from makima_stale_detector.domain.members import sender as tracked
from makima_stale_detector.domain.members.sender import Sender
from makima_stale_detector.domain.role_tasks import RoleAgent, RoleTask
from makima_stale_detector.domain.staleness import Progress, progress
from makima_stale_detector.domain.verdicts import mass_silence
from makima_stale_detector.domain.verdicts.mass_silence import Hold
from makima_stale_detector.domain.verdicts.silence_detected import silence_detected_for

SQL: Final = named(Path(__file__).with_suffix(".sql"))

# The events that change which supervisors of a contract live, or create it while some do.
CHANGE_SUPERVISORS: Final = (ContractCreated, SupervisorRegistered, SupervisorStateChanged)

Key = tuple[str, str]


class Silence:
    """The projection `stale_detector`. Each table has its own pure fold function.

    For each batch of events, the affected rows are read, folded and written once.
    """

    name = "stale_detector"
    schema = "stale_detector"
    tables = ("senders", "contracts", "holds", "owed", "role_agents", "role_tasks")
    fold_number = 5
    events: frozenset[type] = (
        tracked.EVENTS | staleness.EVENTS | mass_silence.EVENTS | role_tasks.EVENTS | {SilenceDetected}
    )

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        left = await _senders(connection, batch)
        await _contracts(connection, batch, left)
        await _holds(connection, batch)
        await _pending(connection, batch)
        await _roles(connection, batch)


async def _senders(connection: asyncpg.Connection, batch: Sequence[Applied]) -> set[Key]:
    """The result: the contracts that supervisors have left for another one."""
    about = [
        (name, each)
        for each in batch
        if (name := tracked.sender_of_event(each.recorded, each.event)) is not None
    ]
    left = set[Key]()
    if not about:
        return left
    rows = await connection.fetch(SQL["senders"], list({name for name, _ in about}))
    known: dict[str, Sender | None] = {row["name"]: tracked.from_row(row) for row in rows}
    for name, each in about:
        before, after = known.get(name), tracked.evolve(known.get(name), each.recorded, each.event)
        known[name] = after
        contract = before.contract_id if before is not None else None
        if contract is not None and after is not None and after.contract_id != contract:
            left.add((each.recorded.tenant, contract))
    stored = [_sender_row(each) for _, each in sorted(known.items()) if each is not None]
    await connection.execute(SQL["store_senders"], *columns(stored, 11))
    return left


async def _contracts(connection: asyncpg.Connection, batch: Sequence[Applied], left: set[Key]) -> None:
    """`left`: contracts whose supervisors changed although no event names them."""
    about = [
        ((each.recorded.tenant, contract_id), each)
        for each in batch
        if (contract_id := staleness.contract_of(each.recorded, each.event)) is not None
    ]
    touched = {key for key, _ in about} | left
    if not touched:
        return
    rows = await connection.fetch(SQL["contracts"], *columns(touched, 2))
    known: dict[Key, Progress | None] = {(row["tenant"], row["contract_id"]): progress(row) for row in rows}
    for key, each in about:
        known[key] = staleness.evolve(known.get(key), each.recorded, each.event)
    supervised = {key for key, each in about if isinstance(each.event, CHANGE_SUPERVISORS)}
    await _link_supervisors(connection, known, supervised | left)
    stored = [_contract_row(key, contract) for key, contract in sorted(known.items()) if contract is not None]
    await connection.execute(SQL["store_contracts"], *columns(stored, 12))
    await connection.execute(
        SQL["forget_contracts"], *columns([key for key, contract in known.items() if contract is None], 2)
    )


async def _link_supervisors(
    connection: asyncpg.Connection, known: dict[Key, Progress | None], changed: set[Key]
) -> None:
    """Set one live supervisor of each contract, if it has any: more says no more, and a list of all would make
    each event cost as much as the contract has supervisors.

    Reads the table `senders`, to which the senders of this batch were already written; so it also finds
    supervisors that registered before their contract existed.
    """
    if not changed:
        return
    rows = await connection.fetch(SQL["live_supervisors"], [contract_id for _, contract_id in changed])
    live = {row["contract_id"]: frozenset[str]({row["task_id"]}) for row in rows}
    for key in changed:
        contract = known.get(key)
        if contract is not None:
            known[key] = replace(contract, live_supervisors=live.get(key[1], frozenset()))


async def _holds(connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
    holds: dict[str, Hold] = {}
    for each in batch:
        owner = mass_silence.owner_of(each.recorded)
        if owner is not None:
            holds[owner] = mass_silence.evolve(Hold(), each.recorded, each.event)
    if holds:
        await connection.execute(
            SQL["store_holds"],
            *columns([(owner, *astuple(hold)) for owner, hold in sorted(holds.items())], 4),
        )


async def _pending(connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
    """Insert a row into the outbox for each accepted verdict, and delete those whose `SilenceDetected` is in
    the log.

    The event's id is derived from the verdict's event id, so that any replica can retry without a duplicate.
    """
    rows = [
        (
            deterministic_id("silence", each.recorded.event_id),
            each.recorded.position,
            each.recorded.tenant,
            encode(silence).decode(),
            each.recorded.meta.get("traceparent"),
        )
        for each in batch
        if (silence := silence_detected_for(each.recorded, each.event)) is not None
    ]
    if rows:
        await connection.execute(SQL["owe"], *columns(rows, 5))
    recorded_ids = [each.recorded.command_id for each in batch if isinstance(each.event, SilenceDetected)]
    if recorded_ids:
        await connection.execute(SQL["delete_recorded"], recorded_ids)


async def _roles(connection: asyncpg.Connection, whole: Sequence[Applied]) -> None:
    """A contract that is deleted takes with it what was before: so the rows do not depend on where a batch ends."""
    deleted = {
        (each.recorded.tenant, each.recorded.entity_id): each.recorded.position
        for each in whole
        if isinstance(each.event, ContractDeleted)
    }
    if deleted:
        await connection.execute(SQL["forget_roles_of"], *columns(deleted, 2))
    batch = [
        each
        for each in whole
        if isinstance(event := each.event, role_tasks.AGENT_EVENTS)
        and each.recorded.position > deleted.get((each.recorded.tenant, event.contract_id), 0)
    ]
    await _role_agents(connection, batch)
    batch = [
        each
        for each in whole
        if isinstance(each.event, role_tasks.TASK_EVENTS)
        and each.recorded.position > deleted.get((each.recorded.tenant, each.recorded.entity_id), 0)
    ]
    await _role_tasks(connection, batch)


async def _role_agents(connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
    about = [
        ((each.recorded.tenant, event.contract_id, event.role), each)
        for each in batch
        if isinstance(event := each.event, role_tasks.AGENT_EVENTS)
    ]
    if not about:
        return
    rows = await connection.fetch(SQL["role_agents"], *columns({key for key, _ in about}, 3))
    known: dict[tuple[str, str, str], RoleAgent | None] = {
        (row["tenant"], row["contract_id"], row["role"]): RoleAgent(
            AgentStatus(row["status"]), row["version"], row["away_version"]
        )
        for row in rows
    }
    for key, each in about:
        known[key] = role_tasks.evolve_agent(known.get(key), each.recorded, each.event)
    stored = [(*key, *astuple(agent)) for key, agent in sorted(known.items()) if agent is not None]
    await connection.execute(SQL["store_role_agents"], *columns(stored, 6))


async def _role_tasks(connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
    about = [
        ((each.recorded.tenant, each.recorded.entity_id, event.task_id), each)
        for each in batch
        if isinstance(event := each.event, role_tasks.TASK_EVENTS)
    ]
    if not about:
        return
    rows = await connection.fetch(SQL["role_tasks"], *columns({key for key, _ in about}, 3))
    known: dict[tuple[str, str, str], RoleTask | None] = {
        (row["tenant"], row["contract_id"], row["task_id"]): RoleTask(
            row["wanted_role"], row["held_by"], row["since_position"]
        )
        for row in rows
    }
    for key, each in about:
        known[key] = role_tasks.evolve_task(known.get(key), each.recorded, each.event)
    stored = [(*key, *astuple(task)) for key, task in sorted(known.items()) if task is not None]
    await connection.execute(SQL["store_role_tasks"], *columns(stored, 6))
    done = [key for key, task in known.items() if task is None]
    await connection.execute(SQL["forget_role_tasks"], *columns(done, 3))


def _sender_row(sender: Sender) -> tuple[object, ...]:
    return (
        sender.name,
        sender.alive,
        sender.alive_position,
        sender.contract_id,
        sender.daemon_id,
        sender.connection_id,
        _json(sender.superseded),
        sender.status,
        sender.status_version,
        sender.status_since,
        sender.handed_out,
    )


def _contract_row(key: Key, contract: Progress) -> tuple[object, ...]:
    return (
        *key,
        contract.status,
        contract.version,
        contract.last_activity_at,
        contract.counts_from,
        contract.counts_position,
        contract.owner_id,
        contract.stale_after_seconds,
        _json(sorted(contract.live_supervisors)),
        contract.episode,
        contract.ever_active,
    )


def _json(texts: Sequence[str]) -> str:
    return orjson.dumps(texts).decode()
