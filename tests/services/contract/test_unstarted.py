"""The contract service's one read model: it is the fold of the log, live and rebuilt."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
from makima_contract.event_entities import supervisors_of
from makima_contract.projections import Unstarted
from makima_kernel.projections.projection import Applied
from makima_schemas.codec import Event
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus
from makima_schemas.envelope import EventMeta, Recorded
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState, SupervisorStateChanged

from tests.services.contract.contract_states import opened

HEARD = SupervisorRegistered("c1", "d1", None, SupervisorState.IDLE, "plan")
CHANGED = SupervisorStateChanged(
    "c1", "d1", None, SupervisorState.IDLE, SupervisorState.WORKING, "plan", "heartbeat"
)
SILENT = SupervisorStateChanged(
    "c1", "d1", None, SupervisorState.IDLE, SupervisorState.INTERRUPTED, "plan", "heartbeat_expired"
)
TRACED = EventMeta(traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")


def applied(position: int, stream: str, event: Event) -> Applied:
    recorded = Recorded(
        position,
        "default",
        stream,
        1,
        uuid4(),
        uuid4(),
        type(event).__name__,
        1,
        b"{}",
        TRACED,
        datetime(2026, 1, 31, tzinfo=UTC),
    )
    return Applied(recorded, event)


async def shown(pool: asyncpg.Pool, *batches: Sequence[tuple[str, Event]]) -> list[tuple[str, int | None]]:
    """The rows after these batches: the contract, and where its supervisor was heard."""
    position = 0
    async with pool.acquire() as connection:
        await connection.execute(
            "set search_path to contract; truncate unstarted, supervisors, assignments, admissions"
        )
        for batch in batches:
            listed = [
                applied(position + index, stream, event) for index, (stream, event) in enumerate(batch, 1)
            ]
            position += len(batch)
            await Unstarted().apply(connection, listed)  # pyright: ignore[reportArgumentType] - a pool's connection is one
        rows = await connection.fetch("select contract_id, supervised_at from unstarted order by contract_id")
        return [(row["contract_id"], row["supervised_at"]) for row in rows]


CREATED: tuple[str, Event] = ("contract-c1", opened())
STARTED: tuple[str, Event] = ("contract-c1", e.ContractStarted())


async def test_a_new_contract_waits_for_its_supervisor(pool: asyncpg.Pool) -> None:
    assert await shown(pool, [CREATED]) == [("c1", None)]
    assert await shown(pool, [CREATED], [("supervisor-t1", HEARD)]) == [("c1", 2)]
    assert await shown(pool, [CREATED, ("supervisor-t1", HEARD), ("supervisor-t1", CHANGED)]) == [("c1", 3)]


async def test_silence_is_no_sign_of_life(pool: asyncpg.Pool) -> None:
    assert await shown(pool, [CREATED], [("supervisor-t1", SILENT)]) == [("c1", None)]


async def test_what_has_started_or_ended_is_forgotten_however_the_batches_fall(pool: asyncpg.Pool) -> None:
    endings: list[Event] = [
        e.ContractStarted(),
        e.ContractCompleted("request"),
        e.ContractFailed(None),
        e.ContractArchived(),
        e.ContractDeleted(),
    ]
    for ending in endings:
        ended = ("contract-c1", ending)
        assert await shown(pool, [CREATED], [ended], [("supervisor-t1", HEARD)]) == []
        assert await shown(pool, [CREATED, ended], [("supervisor-t1", HEARD)]) == []
        assert await shown(pool, [CREATED, ("supervisor-t1", HEARD), ended]) == []


async def test_a_pause_is_no_start(pool: asyncpg.Pool) -> None:
    paused: tuple[str, Event] = ("contract-c1", e.ContractPaused(None, ContractStatus.CREATED))
    assert await shown(pool, [CREATED, paused]) == [("c1", None)]


async def test_a_supervisor_that_spoke_before_the_contract_was_made_is_remembered(pool: asyncpg.Pool) -> None:
    assert await shown(pool, [("supervisor-t1", HEARD)]) == []
    assert await shown(pool, [("supervisor-t1", HEARD)], [CREATED]) == [("c1", 2)]
    assert await shown(pool, [("supervisor-t1", HEARD), CREATED]) == [("c1", 2)]
    assert await shown(pool, [("supervisor-t1", HEARD)], [("supervisor-t1", SILENT)], [CREATED]) == [
        ("c1", None)
    ]
    assert await shown(pool, [("supervisor-t1", HEARD)], [CREATED, STARTED]) == []


async def test_a_resume_owes_the_start_again_beside_a_supervisor_that_lives(pool: asyncpg.Pool) -> None:
    paused: tuple[str, Event] = ("contract-c1", e.ContractPaused(None, ContractStatus.CREATED))
    resumed: tuple[str, Event] = ("contract-c1", e.ContractResumed(ContractStatus.CREATED))
    heard: tuple[str, Event] = ("supervisor-t1", HEARD)
    assert await shown(pool, [CREATED, paused], [heard], [resumed]) == [("c1", 4)]
    assert await shown(pool, [CREATED, heard, paused, resumed]) == [("c1", 4)]
    assert await shown(pool, [CREATED, paused, resumed]) == [("c1", None)]
    assert await shown(pool, [heard], [CREATED, paused], [("supervisor-t1", SILENT)], [resumed]) == [
        ("c1", 2)
    ], "as it was owed before"


async def test_the_task_of_a_supervisor_is_owed_to_its_contract(pool: asyncpg.Pool) -> None:
    async def owed() -> list[tuple[object, ...]]:
        return [
            tuple(row)
            for row in await pool.fetch("select contract_id, task_id, owed_at from contract.supervisors")
        ]

    await shown(pool, [CREATED], [("supervisor-t1", HEARD)], [("supervisor-t1", CHANGED)])
    assert await owed() == [("c1", "t1", 2)]
    await pool.execute("update contract.supervisors set owed_at = null")  # there is no such contract yet, say
    async with pool.acquire() as connection:
        await connection.execute("set search_path to contract")
        await Unstarted().apply(connection, [applied(9, *CREATED)])  # pyright: ignore[reportArgumentType] - a pool's connection is one
    assert await owed() == [("c1", "t1", 9)]
    await shown(pool, [CREATED, ("supervisor-t1", HEARD)], [("contract-c1", e.ContractDeleted())])
    assert await owed() == []


async def test_the_trace_of_what_was_heard_goes_on_in_the_start(pool: asyncpg.Pool) -> None:
    await shown(pool, [CREATED], [("supervisor-t1", HEARD)])
    assert await pool.fetchval("select traceparent from contract.unstarted") == TRACED.get("traceparent")


def test_an_event_of_a_supervisor_loads_no_other_supervisor_of_its_contract() -> None:
    """Or it would cost as much as the contract has supervisors. Events that concern all of them load all."""
    heard, changed = applied(1, "supervisor-t1", HEARD), applied(2, "supervisor-t2", CHANGED)
    started = applied(3, "contract-c1", e.ContractStarted())
    assert supervisors_of([heard, changed, started]) == (
        set(),
        {("default", "c1", "t1"), ("default", "c1", "t2")},
    )
    of_all = (
        opened(),
        e.ContractReopened(None, ContractStatus.ACTIVE),
        e.ContractDeleted(),
        e.ContractResumed(ContractStatus.CREATED),
    )
    for event in of_all:
        assert supervisors_of([heard, applied(3, "contract-c1", event)]) == ({("default", "c1")}, set())
    assert supervisors_of([applied(1, "contract-c1", e.ContractResumed(ContractStatus.ACTIVE))]) == (
        set(),
        set(),
    )
