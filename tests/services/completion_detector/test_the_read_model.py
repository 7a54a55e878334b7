"""The detector's tables are the fold of the log, before a rebuild and after it."""

import asyncpg
from makima_completion_detector.domain.snapshot import Snapshot, fold
from makima_completion_detector.projections import Contracts
from makima_completion_detector.queries import Queries
from makima_kernel.event_log.log import Log
from makima_kernel.projections.rebuild import rebuild
from makima_kernel.service.contracts_settings import ContractsSettings
from makima_kernel.testing import eventually
from makima_schemas.contract import commands as c

from tests.services.completion_detector.conftest import World, simple
from tests.services.completion_detector.contract_steps import PLANNED, SHIPPED, supervised


async def folded(world: World, contract_id: str) -> Snapshot | None:
    snapshot: Snapshot | None = None
    for version, event in enumerate(await world.history(contract_id), start=1):
        snapshot = fold(snapshot, event, version)
    return snapshot


async def test_its_rows_are_the_fold_of_the_log_and_a_rebuild_makes_the_same(
    world: World, pool: asyncpg.Pool
) -> None:
    detector = await world.replica()
    await supervised(world, "c1", "d1")
    await world.send(
        "c1",
        simple(),
        c.StartContract(),
        c.CreateTask("t1", "write it"),
        c.ClaimTask("t1", "builder"),
        c.ReleaseTask("t1"),
    )
    await world.send(
        "c2",
        simple(guard=True),
        c.StartContract(),
        c.AskQuestion("q1", "Which?"),
        PLANNED,
        c.AnswerQuestion("q1", "that"),
    )
    await world.send("c3", simple(contract_type="execute"), c.StartContract(), SHIPPED)
    await world.until("c3", "ContractCompleted")
    await world.send("gone", simple(), c.ArchiveContract(), c.DeleteContract())
    await world.nothing_owed()
    before = await _shown(pool)
    for contract_id in ("c1", "c2", "c3", "gone"):
        assert await Queries(detector.pool).snapshot("default", contract_id) == await folded(
            world, contract_id
        )
    assert await folded(world, "gone") is None
    await rebuild(Contracts(), pool, Log(pool))
    assert await _shown(pool) == before
    await world.nothing_owed()
    assert (await world.names("c3")).count("ContractCompleted") == 1, "a rebuild causes nothing"


async def test_a_rebuild_during_a_clean_up_neither_prolongs_nor_ends_it(
    world: World, pool: asyncpg.Pool
) -> None:
    patient = world.settings.model_copy(update={"contracts": ContractsSettings(cleanup_timeout_seconds=3600)})
    await world.replica(patient)
    await world.send("c1", simple(contract_type="execute"), c.StartContract())
    await supervised(world, "c1", "a-daemon-that-never-answers")
    await world.send("c1", SHIPPED)
    deadline = await eventually(lambda: pool.fetchval("select deadline from completion_detector.cleanups"))
    await rebuild(Contracts(), pool, Log(pool))
    looked = await pool.fetchval("select max(due_at) from completion_detector.todo")
    await eventually(
        lambda: pool.fetchval("select max(due_at) > $1 from completion_detector.todo", looked),
        because="nobody looks again",
    )
    assert await pool.fetchval("select deadline from completion_detector.cleanups") == deadline
    assert "ContractCompleted" not in await world.names("c1")
    await pool.execute("update completion_detector.cleanups set deadline = now()")
    await world.until("c1", "ContractCompleted")
    await world.nothing_owed()
    assert await pool.fetchval("select count(*) from completion_detector.cleanups") == 0


async def _shown(pool: asyncpg.Pool) -> list[list[tuple[object, ...]]]:
    tables = ("contracts", "daemons")
    return [
        [
            tuple(row)
            for row in await pool.fetch(f"select * from completion_detector.{table} order by 1, 2, 3")
        ]
        for table in tables
    ]
