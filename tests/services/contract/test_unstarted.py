"""The contract service's one read model: it is the fold of the log, live and rebuilt."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
from makima_kernel.log.projection import Applied
from makima_schemas.codec import Event
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus
from makima_schemas.envelope import EventMeta, Recorded
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState, SupervisorStateChanged

from services.contract.projections import Unstarted
from tests.services.contract.stories import opened

HEARD = SupervisorRegistered("c1", "d1", None, SupervisorState.IDLE, "plan")
CHANGED = SupervisorStateChanged("c1", "d1", None, SupervisorState.IDLE, SupervisorState.WORKING, "plan", "heartbeat")
SILENT = SupervisorStateChanged("c1", "d1", None, SupervisorState.IDLE, SupervisorState.INTERRUPTED, "plan", "heartbeat_expired")
TRACED = EventMeta(traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")


def applied(position: int, stream: str, event: Event) -> Applied:
    recorded = Recorded(
        position, "default", stream, 1, uuid4(), uuid4(), type(event).__name__, 1, b"{}", TRACED, datetime(2026, 1, 31, tzinfo=UTC)
    )
    return Applied(recorded, event)


async def shown(pool: asyncpg.Pool, *batches: Sequence[tuple[str, Event]]) -> list[tuple[str, int | None]]:
    """The rows after these batches: the contract, and where its supervisor was heard."""
    position = 0
    async with pool.acquire() as connection:
        await connection.execute("set search_path to contract; truncate unstarted")
        for batch in batches:
            listed = [applied(position + index, stream, event) for index, (stream, event) in enumerate(batch, 1)]
            position += len(batch)
            await Unstarted().apply(connection, listed)  # pyright: ignore[reportArgumentType] - a pool's connection is one
        rows = await connection.fetch("select contract_id, supervised_at from unstarted order by contract_id")
        return [(row["contract_id"], row["supervised_at"]) for row in rows]


CREATED, STARTED = ("contract-c1", opened()), ("contract-c1", e.ContractStarted())


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


async def test_the_trace_of_what_was_heard_goes_on_in_the_start(pool: asyncpg.Pool) -> None:
    await shown(pool, [CREATED], [("supervisor-t1", HEARD)])
    assert await pool.fetchval("select traceparent from contract.unstarted") == TRACED.get("traceparent")
