"""P10: read models rebuilt from the log beside a plain COPY of the same events, with readers looking on.

A list of contracts, as a service of one page would keep it, and all that the gateway answers from: seven
tables, where each contract, task and message is a row of its own.
"""

import asyncio
import time
from collections.abc import Sequence
from statistics import median
from typing import Final, cast

import asyncpg
from makima_gateway.read_model.projection import ReadModel
from makima_kernel.event_log.append import SQL, Append, arguments, new_event
from makima_kernel.event_log.log import Log
from makima_kernel.projections.projection import Applied, Projection
from makima_kernel.projections.rebuild import rebuild
from makima_schemas.codec import Event
from makima_schemas.contract.events import (
    ContractCompleted,
    ContractCreated,
    ContractStarted,
    DeliverableCompleted,
    MessageSent,
    PhaseChanged,
    TaskClaimed,
    TaskCompleted,
    TaskCreated,
    TaskStarted,
)
from makima_schemas.contract.model import Phase

from tests.bench.figure import BenchEnv, Figure
from tests.bench.writers import META, some_id

CONTRACTS = 8_000
TOGETHER = 50  # contracts that live at the same time, so that a batch finds several events of each
ROUNDS = 3
STATUS: Final[dict[type, str]] = {
    ContractCreated: "created",
    ContractStarted: "active",
    ContractCompleted: "completed",
}
TABLE = """
create schema bench;
create table bench.contracts (
    id text primary key, name text not null, status text not null, phase text not null, tasks int not null, done int not null,
    version bigint not null, updated_at timestamptz not null
) with (fillfactor = 70);
create index contracts_by_status on bench.contracts (status, updated_at desc);
"""
STORE = """
with changed as (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::int[], $7::bigint[], $8::timestamptz[])
        as c (id, name, status, phase, tasks, done, version, updated_at)
), moved as (
    update contracts as o set status = coalesce(c.status, o.status), phase = coalesce(c.phase, o.phase), tasks = o.tasks + c.tasks,
        done = o.done + c.done, version = c.version, updated_at = c.updated_at
    from changed as c where c.id = o.id and c.name is null
)
insert into contracts select * from changed where name is not null
"""
PLAIN = "create unlogged table plain (position bigint, stream text, type text, recorded_at timestamptz, data bytea)"


class ContractList:
    """One row a contract: where it stands, and how its tasks do."""

    name = "bench"
    schema = "bench"
    tables = ("contracts",)
    fold_number = 1
    events: frozenset[type] = frozenset({*STATUS, PhaseChanged, TaskCreated, TaskCompleted})

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        changed: dict[str, list[object]] = {}
        for applied in batch:
            event, recorded = applied.event, applied.recorded
            row = changed.setdefault(
                recorded.entity_id, [recorded.entity_id, None, None, None, 0, 0, 0, None]
            )
            match event:
                case ContractCreated(name=name, phases=phases):
                    row[1:4] = name, STATUS[ContractCreated], phases[0].name
                case PhaseChanged(to_phase=phase):
                    row[3] = phase
                case TaskCreated():
                    row[4] = cast("int", row[4]) + 1
                case TaskCompleted():
                    row[5] = cast("int", row[5]) + 1
                case _:
                    row[2] = STATUS[type(event)]
            row[6], row[7] = recorded.version, recorded.recorded_at
        await connection.execute(STORE, *(list(column) for column in zip(*changed.values(), strict=True)))


async def measure(env: BenchEnv) -> list[Figure]:
    dsn = await env.database()
    events = await lives(dsn)
    figures: list[Figure] = []
    async with asyncpg.create_pool(dsn, min_size=4, max_size=8) as pool:
        await pool.execute(TABLE)
        for what, projection in (
            ("a list of contracts", ContractList()),
            ("the gateway's whole read model", ReadModel()),
        ):
            rate, plain, wait = await rebuilt(pool, projection, events)
            figures += [
                Figure(
                    "P10",
                    f"rebuild of {what}",
                    rate,
                    "events/s",
                    plain,
                    "plain COPY",
                    "≥ 50,000/s",
                    rate >= 50_000,
                ),
                Figure(
                    "P10", "longest wait of a reader meanwhile", wait, "ms", None, None, "never a gap", True
                ),
            ]
    return figures


async def rebuilt(pool: asyncpg.Pool, projection: Projection, events: int) -> tuple[float, float, float]:
    ours: list[float] = []
    plain: list[float] = []
    waits: list[float] = []
    await rebuild(projection, pool, Log(pool))
    for _ in range(ROUNDS):
        looking = asyncio.create_task(look(pool, projection.schema, waits))
        started = time.perf_counter()
        await rebuild(projection, pool, Log(pool))
        ours.append(events / (time.perf_counter() - started))
        looking.cancel()
        await asyncio.wait([looking])
        if not looking.cancelled():
            looking.result()
        plain.append(await copied(pool, events))
    return median(ours), median(plain), max(waits)


async def look(pool: asyncpg.Pool, schema: str, waits: list[float]) -> None:
    """Raises if a reader ever finds anything missing."""
    while True:
        started = time.perf_counter()
        contracts = await pool.fetchval(f"select count(*) from {schema}.contracts where status = 'completed'")
        waits.append(1000 * (time.perf_counter() - started))
        if contracts != CONTRACTS:
            raise AssertionError(f"a reader saw {contracts} of {CONTRACTS} contracts")
        await asyncio.sleep(0.02)


async def copied(pool: asyncpg.Pool, events: int) -> float:
    """Read in the same batches, not even decoded, written without an index."""
    log, position = Log(pool), 0
    await pool.execute(f"drop table if exists plain; {PLAIN}")
    started = time.perf_counter()
    while batch := await log.after(position, 5000):
        async with pool.acquire() as connection:
            rows = [
                (event.position, event.stream, event.type, event.recorded_at, event.data) for event in batch
            ]
            await connection.copy_records_to_table("plain", records=rows)
        position = batch[-1].position
    return events / (time.perf_counter() - started)


async def lives(dsn: str) -> int:
    """Contracts from their creation to completion; returns how many events that makes."""
    connection = await asyncpg.connect(dsn)
    total = 0
    for start in range(0, CONTRACTS, TOGETHER):
        for turn in zip(*(life(f"contract {number}") for number in range(TOGETHER)), strict=True):
            batch = [
                Append(
                    "default",
                    f"contract-c{start + number}",
                    some_id(),
                    b"h" * 32,
                    None,
                    tuple(new_event(event) for event in events),
                    META,
                )
                for number, events in enumerate(turn)
            ]
            await connection.fetch(SQL, *arguments(batch))
            total += sum(len(events) for events in turn)
    await connection.execute("vacuum analyze")
    await connection.close()
    return total


def life(name: str) -> list[Sequence[Event]]:
    """What each command of an ordinary contract records, in turn: 25 events."""
    phases = (Phase("plan"), Phase("execute"))
    turns: list[Sequence[Event]] = [
        [
            ContractCreated(
                name,
                "made for a benchmark",
                "simple",
                "owner-1",
                phases,
                phase_guard=False,
                auto_complete_enabled=True,
            )
        ],
        [ContractStarted()],
    ]
    for phase, deliverable in (("plan", "plan-document"), ("execute", "pull-request")):
        for task in ("first", "second"):
            task_id = f"{phase}-{task}"
            turns += [
                [
                    TaskCreated(
                        task_id,
                        f"{task} task",
                        phase,
                        "builder",
                        "read the issue, write the change, run the tests",
                    )
                ],
                [
                    TaskClaimed(task_id, "builder", "5f1c1f0e-2a63-4a0e-9d5e-3a2b8a4f7c11"),
                    TaskStarted(task_id),
                ],
                [
                    MessageSent(
                        f"{task_id}-done",
                        "supervisor",
                        "the tests pass; the change is pushed and ready for a look",
                    )
                ],
                [TaskCompleted(task_id, f"{task} task", "done")],
            ]
        turns.append([DeliverableCompleted(phase, deliverable, "https://example.org/pull/17")])
    return [*turns, [PhaseChanged("plan", "execute")], [ContractCompleted("no_worktrees")]]
