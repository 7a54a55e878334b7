"""Loads the rows that a batch of events needs from Postgres, and writes them back, in few statements."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Final, TypeVar, cast

import asyncpg
from makima_kernel.event_log.columns import columns
from makima_kernel.event_log.copy_text import NULL, copy_source, copy_text
from makima_kernel.event_log.named_sql import named
from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus, TaskStatus

from makima_gateway.read_model.counters import agent_changes, changes, counted, counted_agent
from makima_gateway.read_model.rows import (
    AgentCountRow,
    AgentRow,
    ContractRow,
    DaemonRow,
    MessageRow,
    MonitorRow,
    QuestionRow,
    Rows,
    SupervisorRow,
    TallyRow,
    TaskRow,
)
from makima_gateway.read_model.touched import Touched

SQL: Final = named(Path(__file__).with_suffix(".sql"))
_MEMBERS: Final[Mapping[type, Callable[[object], tuple[object, ...]]]] = {
    cls: attrgetter(*(field.name for field in fields(cls)))
    for cls in (
        ContractRow,
        TaskRow,
        QuestionRow,
        MessageRow,
        SupervisorRow,
        AgentRow,
        DaemonRow,
        MonitorRow,
        TallyRow,
        AgentCountRow,
    )
}
_COPIED: Final = tuple(field.name for field in fields(MonitorRow))
_WIDTH: Final[Mapping[object, int]] = {cls: len(fields(cls)) for cls in _MEMBERS}
K = TypeVar("K", bound=tuple[str, ...])
R = TypeVar("R")


async def load(connection: asyncpg.Connection, needed: Touched) -> Rows:
    """Load the needed rows: one statement for each kind of row that is needed."""
    rows = Rows()
    for record in await _fetch(connection, "contracts_touched", needed.contracts):
        contract = contract_row(record)
        rows.contracts[(contract.tenant, contract.id)] = contract
        rows.counted[(contract.tenant, contract.id)] = counted(contract)
    for record in await _fetch(connection, "tasks_touched", needed.tasks):
        task = task_row(record)
        rows.tasks[(task.tenant, task.contract_id, task.id)] = task
    for record in await _fetch(connection, "questions_touched", needed.questions):
        question = question_row(record)
        rows.questions[(question.tenant, question.contract_id, question.id)] = question
    daemons = set(needed.daemons)
    for record in await _fetch(connection, "supervisors_of_contracts", needed.created | needed.assigned):
        supervisor = supervisor_row(record)
        rows.supervisors[(supervisor.tenant, supervisor.task_id)] = supervisor
        rows.supervisors_of.setdefault((supervisor.tenant, supervisor.contract_id), set()).add(
            supervisor.task_id
        )
        daemons.add((supervisor.tenant, supervisor.daemon_id))
    for record in await _fetch(connection, "supervisors_touched", needed.supervisors):
        supervisor = supervisor_row(record)
        rows.supervisors[(supervisor.tenant, supervisor.task_id)] = supervisor
    of_archived = await _fetch(connection, "agents_of_contracts", needed.archived)
    for record in (*await _fetch(connection, "agents_touched", needed.agents), *of_archived):
        agent = agent_row(record)
        key = (agent.tenant, agent.contract_id, agent.role)
        rows.agents[key] = agent
        if (count_key := counted_agent(agent)) is not None:
            rows.counted_agents[key] = count_key
    for record in await _fetch(connection, "daemons_touched", daemons):
        daemon = daemon_row(record)
        rows.daemons[(daemon.tenant, daemon.id)] = daemon
    return rows


async def store(connection: asyncpg.Connection, rows: Rows) -> None:
    """Write the working set: delete the deleted contracts, then insert or update each other row once."""
    deleted_agents = list[AgentRow]()
    if rows.deleted:
        gone = columns(rows.deleted)
        for name in (
            "forget_contracts",
            "forget_tasks",
            "forget_questions",
            "forget_messages",
            "forget_supervisors",
        ):
            await connection.execute(SQL[name], *gone)
        deleted_agents = [agent_row(each) for each in await _fetch(connection, "forget_agents", rows.deleted)]
    await _store(connection, "store_contracts", ContractRow, [rows.contracts[key] for key in rows.changed])
    await _add(connection, "tallies", TallyRow, changes(rows))
    await _store(connection, "store_tasks", TaskRow, rows.tasks.values())
    await _store(connection, "store_questions", QuestionRow, rows.questions.values())
    await _store(connection, "store_messages", MessageRow, rows.messages)
    await _store(connection, "store_supervisors", SupervisorRow, rows.supervisors.values())
    await _store(connection, "store_agents", AgentRow, rows.agents.values())
    await _add(connection, "agent_counts", AgentCountRow, agent_changes(rows, deleted_agents))
    await _store(connection, "store_daemons", DaemonRow, rows.daemons.values())
    if rows.monitor_events:
        copied = copy_source(_copied(rows.monitor_events))
        await connection.copy_to_table("monitor_events", source=copied, columns=_COPIED)


async def _store(connection: asyncpg.Connection, name: str, cls: type, rows: Collection[object]) -> None:
    if rows:
        await connection.execute(SQL[name], *columns(map(_MEMBERS[cls], rows)))


async def _add(connection: asyncpg.Connection, table: str, cls: type, counts: Collection[object]) -> None:
    if counts:
        added = columns(map(_MEMBERS[cls], counts))
        await connection.execute(SQL[f"add_to_{table}"], *added)
        await connection.execute(SQL[f"forget_empty_{table}"], *added[:4])


def _copied(rows: Iterable[MonitorRow]) -> bytes:
    """The rows in COPY's text format.

    COPY inserts the many rows of a rebuild three times as fast as arrays do.
    """
    lines = (
        f"{row.position}\t{copy_text(row.tenant)}\t{copy_text(row.contract_id)}\t{row.old_status or NULL}\t"
        f"{row.status or NULL}\t{row.type}\t{copy_text(row.message)}\n"
        for row in rows
    )
    return "".join(lines).encode()


def contract_row(record: Mapping[str, object]) -> ContractRow:
    row = _row(ContractRow, record)
    row.status = ContractStatus(row.status)
    return row


def task_row(record: Mapping[str, object]) -> TaskRow:
    row = _row(TaskRow, record)
    row.status = TaskStatus(row.status)
    return row


def question_row(record: Mapping[str, object]) -> QuestionRow:
    return _row(QuestionRow, record)


def message_row(record: Mapping[str, object]) -> MessageRow:
    return _row(MessageRow, record)


def supervisor_row(record: Mapping[str, object]) -> SupervisorRow:
    return _row(SupervisorRow, record)


def agent_row(record: Mapping[str, object]) -> AgentRow:
    row = _row(AgentRow, record)
    row.agent_status = AgentStatus(row.agent_status)
    return row


def daemon_row(record: Mapping[str, object]) -> DaemonRow:
    return _row(DaemonRow, record)


def _row(make: Callable[..., R], record: Mapping[str, object]) -> R:
    """The row from a record by position: a table and its class have the same members in the same order
    (tested). Columns behind those are a newer version's, which has migrated while this one still serves.
    """
    return make(*islice(record.values(), _WIDTH[make]))


async def _fetch(connection: asyncpg.Connection, name: str, keys: set[K]) -> Sequence[Mapping[str, object]]:
    if not keys:
        return []
    return cast("Sequence[Mapping[str, object]]", await connection.fetch(SQL[name], *columns(keys)))
