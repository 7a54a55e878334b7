"""Between the fold and Postgres: load the rows that a batch touches, write back what it made of them, in few statements."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar, cast

import asyncpg
import orjson
from makima_kernel.log.sql import named
from makima_schemas.codec import Event
from makima_schemas.contract.events import (
    ContractCreated,
    QuestionAnswered,
    TaskClaimed,
    TaskCompleted,
    TaskFailed,
    TaskReleased,
    TaskStarted,
)
from makima_schemas.contract.model import ContractStatus, TaskStatus
from makima_schemas.envelope import Recorded

from services.gateway.projections.fold import contract_of
from services.gateway.projections.rows import (
    ContractKey,
    ContractRow,
    DaemonRow,
    InnerKey,
    Json,
    MessageRow,
    QuestionRow,
    Rows,
    SenderKey,
    SupervisorRow,
    TaskRow,
)

SQL: Final = named(Path(__file__).with_name("projections.sql"))
TASK_MOVES: Final = (TaskClaimed, TaskStarted, TaskReleased, TaskCompleted, TaskFailed)
K = TypeVar("K", bound=tuple[str, ...])
R = TypeVar("R")


@dataclass(slots=True)
class Touched:
    """What a batch needs from before it. What it creates itself is found in the working set, not in the database."""

    contracts: set[ContractKey] = field(default_factory=set[ContractKey])
    tasks: set[InnerKey] = field(default_factory=set[InnerKey])
    questions: set[InnerKey] = field(default_factory=set[InnerKey])
    supervisors: set[SenderKey] = field(default_factory=set[SenderKey])
    daemons: set[SenderKey] = field(default_factory=set[SenderKey])


def touched(batch: Iterable[tuple[Recorded, Event]]) -> Touched:
    """The keys of the rows to load."""
    needed = Touched()
    created: set[ContractKey] = set()
    for recorded, event in batch:
        key = contract_of(recorded, event)
        if isinstance(event, ContractCreated):
            created.add((recorded.tenant, recorded.entity_id))
        elif key is not None and key not in created:
            needed.contracts.add(key)
            if isinstance(event, TASK_MOVES):
                needed.tasks.add((*key, event.task_id))
            elif isinstance(event, QuestionAnswered):
                needed.questions.add((*key, event.question_id))
        match recorded.category:
            case "supervisor":
                needed.supervisors.add((recorded.tenant, recorded.entity_id))
            case "daemon":
                needed.daemons.add((recorded.tenant, recorded.entity_id))
            case _:
                pass
    return needed


async def load(connection: asyncpg.Connection, needed: Touched) -> Rows:
    rows = Rows()
    for record in await _fetch(connection, "contracts_touched", needed.contracts):
        contract = contract_row(record)
        rows.contracts[(contract.tenant, contract.id)] = contract
    for record in await _fetch(connection, "tasks_touched", needed.tasks):
        task = task_row(record)
        rows.tasks[(task.tenant, task.contract_id, task.id)] = task
    for record in await _fetch(connection, "questions_touched", needed.questions):
        question = question_row(record)
        rows.questions[(question.tenant, question.contract_id, question.id)] = question
    for record in await _fetch(connection, "supervisors_touched", needed.supervisors):
        supervisor = supervisor_row(record)
        rows.supervisors[(supervisor.tenant, supervisor.task_id)] = supervisor
    for record in await _fetch(connection, "daemons_touched", needed.daemons):
        daemon = daemon_row(record)
        rows.daemons[(daemon.tenant, daemon.id)] = daemon
    return rows


async def store(connection: asyncpg.Connection, rows: Rows) -> None:
    if rows.forgotten:
        tenants, ids = [list(column) for column in zip(*rows.forgotten, strict=True)]
        for name in ("forget_contracts", "forget_tasks", "forget_questions", "forget_messages", "forget_supervisors"):
            await connection.execute(SQL[name], tenants, ids)
    for name, values in (
        ("store_contracts", [rows.contracts[key] for key in rows.changed]),
        ("store_tasks", list(rows.tasks.values())),
        ("store_questions", list(rows.questions.values())),
        ("store_messages", rows.messages),
        ("store_supervisors", list(rows.supervisors.values())),
        ("store_daemons", list(rows.daemons.values())),
        ("store_monitor_events", rows.monitor_events),
    ):
        if values:
            await connection.execute(SQL[name], orjson.dumps(values, default=_raw).decode())


def contract_row(record: Mapping[str, object]) -> ContractRow:
    row = _row(ContractRow, record)
    row.status = ContractStatus(row.status)
    row.phases, row.deliverables = _json(record["phases"]), _json(record["deliverables"])
    return row


def task_row(record: Mapping[str, object]) -> TaskRow:
    row = _row(TaskRow, record)
    row.status = TaskStatus(row.status)
    return row


def question_row(record: Mapping[str, object]) -> QuestionRow:
    row = _row(QuestionRow, record)
    row.options = _json(record["options"])
    return row


def message_row(record: Mapping[str, object]) -> MessageRow:
    return _row(MessageRow, record)


def supervisor_row(record: Mapping[str, object]) -> SupervisorRow:
    row = _row(SupervisorRow, record)
    row.evidence = _json_or_none(record["evidence"])
    return row


def daemon_row(record: Mapping[str, object]) -> DaemonRow:
    row = _row(DaemonRow, record)
    row.evidence = _json_or_none(record["evidence"])
    return row


def _row(make: Callable[..., R], record: Mapping[str, object]) -> R:
    """A table and its class have the same members in the same order; a test holds them together."""
    return make(*record.values())


async def _fetch(connection: asyncpg.Connection, name: str, keys: set[K]) -> Sequence[Mapping[str, object]]:
    if not keys:
        return []
    columns = [list(column) for column in zip(*keys, strict=True)]
    return cast("Sequence[Mapping[str, object]]", await connection.fetch(SQL[name], *columns))


def _raw(value: object) -> orjson.Fragment:
    assert isinstance(value, bytes)
    return orjson.Fragment(value)


def _json(text: object) -> Json:
    return cast("str", text).encode()


def _json_or_none(text: object) -> Json | None:
    return None if text is None else _json(text)
