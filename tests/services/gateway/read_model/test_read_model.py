"""The read model in Postgres: however the log is cut into batches, its rows are the fold of the log."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from random import Random
from typing import TypeVar, cast
from uuid import uuid4

import asyncpg
import orjson
import pytest
from makima_gateway.read_model.fold import fold
from makima_gateway.read_model.projection import ReadModel
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
from makima_gateway.read_model.storage import (
    agent_row,
    contract_row,
    daemon_row,
    question_row,
    supervisor_row,
    task_row,
)
from makima_kernel.event_log.append import SQL as APPEND
from makima_kernel.event_log.append import Append, NewEvent, arguments
from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Applied
from makima_kernel.projections.rebuild import rebuild
from makima_schemas.codec import decode
from makima_schemas.contract.events import ContractStarted, QuestionAsked
from makima_schemas.envelope import EventMeta
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState

from tests.services.contract.contract_states import opened
from tests.services.gateway.read_model.random_logs import log, recorded

R = TypeVar("R")


def folded(applied: Sequence[Applied]) -> Rows:
    rows = Rows()
    for item in applied:
        fold(rows, item.recorded, item.event)
    return rows


async def apply(pool: asyncpg.Pool, batch: Sequence[Applied]) -> None:
    async with pool.acquire() as lent, lent.transaction():
        await lent.execute("set local search_path = gateway")
        await ReadModel().apply(cast("asyncpg.Connection", lent), batch)


async def rows_in(pool: asyncpg.Pool) -> dict[str, list[dict[str, object]]]:
    return {
        table: [dict(row) for row in await pool.fetch(f"select * from gateway.{table} order by 1, 2, 3, 4")]
        for table in ReadModel().tables
    }


@pytest.mark.parametrize("seed", range(5))
async def test_rows_are_the_fold_of_the_log(pool: asyncpg.Pool, seed: int) -> None:
    applied = log(seed)
    random = Random(seed)
    at = 0
    while at < len(applied):
        size = random.choice((1, 2, 7, 40))
        await apply(pool, applied[at : at + size])
        at += size
    expected = folded(applied)
    contracts = await stored(pool, "contracts", contract_row)
    assert {row.id: row for row in contracts} == {row.id: row for row in expected.contracts.values()}
    tasks = await stored(pool, "tasks", task_row)
    assert {(row.tenant, row.contract_id, row.id): row for row in tasks} == expected.tasks
    questions = await stored(pool, "questions", question_row)
    assert {(row.tenant, row.contract_id, row.id): row for row in questions} == expected.questions
    supervisors = await stored(pool, "supervisors", supervisor_row)
    assert {(row.tenant, row.task_id): row for row in supervisors} == expected.supervisors
    agents = await stored(pool, "agents", agent_row)
    assert {(row.tenant, row.contract_id, row.role): row for row in agents} == expected.agents
    assert {row.role for row in agents} == {"builder", "supervisor"}
    daemons = await stored(pool, "daemons", daemon_row)
    assert {(row.tenant, row.id): row for row in daemons} == expected.daemons
    told = await pool.fetch("select position, message from gateway.monitor_events order by position")
    assert [(row["position"], row["message"]) for row in told] == [
        (row.position, row.message) for row in expected.monitor_events
    ]
    assert await pool.fetchval("select count(*) from gateway.messages") == len(expected.messages)
    assert await stored(pool, "tallies", tally_row) == await stored_as_counted(pool)
    counts = await pool.fetch("select * from gateway.agent_counts order by 1, 2, 3, 4")
    assert [tuple(row) for row in counts] == await agents_as_counted(pool)


async def stored_as_counted(pool: asyncpg.Pool) -> list[TallyRow]:
    """What a COUNT over all contracts says."""
    counted = await pool.fetch(
        """select tenant, owner_id, status, phase, count(*), count(*) filter (where stale), count(*) filter (where supervisor_alive),
        sum(tasks_running)::bigint, sum(tasks_pending)::bigint from gateway.contracts group by tenant, owner_id, status, phase order by 1, 2, 3, 4"""
    )
    return [TallyRow(*row) for row in counted]


async def agents_as_counted(pool: asyncpg.Pool) -> list[tuple[object, ...]]:
    """What a COUNT over all agents that lists show says."""
    counted = await pool.fetch(
        "select tenant, owner_id, agent_status, stuck, count(*) from gateway.agents where not hidden group by 1, 2, 3, 4 order by 1, 2, 3, 4"
    )
    return [tuple(row) for row in counted]


def tally_row(record: Mapping[str, object]) -> TallyRow:
    return cast("Callable[..., TallyRow]", TallyRow)(*record.values())


async def stored(pool: asyncpg.Pool, table: str, make: Callable[[Mapping[str, object]], R]) -> list[R]:
    return [
        make(cast("Mapping[str, object]", row))
        for row in await pool.fetch(f"select * from gateway.{table} order by 1, 2, 3, 4")
    ]


async def test_one_batch_or_many_is_the_same(pool: asyncpg.Pool) -> None:
    applied = log(17)
    for item in applied:
        await apply(pool, [item])
    one_by_one = await rows_in(pool)
    for table in ReadModel().tables:
        await pool.execute(f"truncate gateway.{table}")
    await apply(pool, applied)
    assert await rows_in(pool) == one_by_one


async def test_made_anew_from_the_log_the_rows_are_the_same(pool: asyncpg.Pool) -> None:
    for item in log(23):
        event = NewEvent(uuid4(), item.recorded.type, item.recorded.schema, item.recorded.data)
        command = Append(
            item.recorded.tenant, item.recorded.stream, uuid4(), b"", None, (event,), EventMeta()
        )
        await pool.execute(APPEND, *arguments([command]))
    recorded = await Log(pool).after(0, 10_000)
    for item in recorded:
        await apply(pool, [Applied(item, decode(item.type, item.schema, item.data))])
    before = await rows_in(pool)
    assert all(before.values())
    assert await rebuild(ReadModel(), pool, Log(pool), max_batch=13) == len(recorded)
    assert await rows_in(pool) == before


async def test_whatever_text_is_said_is_kept(pool: asyncpg.Pool) -> None:
    odd = 'tab\t line\n return\r back\\slash \\N "quote" ä😀'
    asked = QuestionAsked("q1", odd, "text")
    supervisor = SupervisorRegistered(odd, odd, odd, SupervisorState.WORKING, odd)
    applied = [Applied(recorded(event, at, stream=stream), event) for at, (stream, event) in enumerate([
        ("contract-c1", opened()), ("contract-c1", ContractStarted()), ("contract-c1", asked), ("supervisor-s1", supervisor),
    ], 1)]  # fmt: skip
    await apply(pool, applied)
    told = await pool.fetch("select contract_id, message from gateway.monitor_events order by position")
    assert orjson.loads(told[2]["message"])["question"] == odd
    assert told[3]["contract_id"] == odd
    assert await pool.fetchval("select question from gateway.questions") == odd


async def test_the_tables_and_the_classes_have_the_same_members(pool: asyncpg.Pool) -> None:
    for table, cls in {
        "contracts": ContractRow,
        "tasks": TaskRow,
        "questions": QuestionRow,
        "messages": MessageRow,
        "supervisors": SupervisorRow,
        "agents": AgentRow,
        "daemons": DaemonRow,
        "monitor_events": MonitorRow,
        "tallies": TallyRow,
        "agent_counts": AgentCountRow,
    }.items():
        columns = await pool.fetch(
            "select column_name from information_schema.columns where table_schema = 'gateway' and table_name = $1 order by ordinal_position",
            table,
        )
        assert [cast("str", column[0]) for column in columns] == [field.name for field in fields(cls)], table
