"""The detector's tables are the fold of the log, before a rebuild and after it."""

import asyncpg
from makima_kernel.log.read import Log
from makima_kernel.log.rebuild import rebuild
from makima_schemas.contract import commands as c

from services.completion_detector.domain.snapshot import Snapshot, fold
from services.completion_detector.projections import Contracts
from services.completion_detector.queries import Queries
from tests.services.completion_detector.conftest import World, simple
from tests.services.completion_detector.test_a_contract_moves_on_by_itself import PLANNED, SHIPPED, supervised


async def folded(world: World, contract_id: str) -> Snapshot | None:
    snapshot: Snapshot | None = None
    for version, event in enumerate(await world.history(contract_id), start=1):
        snapshot = fold(snapshot, event, version)
    return snapshot


async def test_its_rows_are_the_fold_of_the_log_and_a_rebuild_makes_the_same(world: World, pool: asyncpg.Pool) -> None:
    detector = await world.replica()
    await supervised(world, "c1", "d1")
    await world.send("c1", simple(), c.StartContract(), c.CreateTask("t1", "write it"), c.ClaimTask("t1", "builder"), c.ReleaseTask("t1"))
    await world.send("c2", simple(guard=True), c.StartContract(), c.AskQuestion("q1", "Which?"), PLANNED, c.AnswerQuestion("q1", "that"))
    await world.send("c3", simple(contract_type="execute"), c.StartContract(), SHIPPED)
    await world.until("c3", "ContractCompleted")
    await world.send("gone", simple(), c.ArchiveContract(), c.DeleteContract())
    await world.nothing_owed()
    before = await _shown(pool)
    for contract_id in ("c1", "c2", "c3", "gone"):
        assert await Queries(detector.pool).snapshot("default", contract_id) == await folded(world, contract_id)
    assert await folded(world, "gone") is None
    await rebuild(Contracts(), pool, Log(pool))
    assert await _shown(pool) == before
    await world.nothing_owed()
    assert (await world.names("c3")).count("ContractCompleted") == 1, "a rebuild causes nothing"


async def _shown(pool: asyncpg.Pool) -> list[list[tuple[object, ...]]]:
    tables = ("contracts", "daemons")
    return [[tuple(row) for row in await pool.fetch(f"select * from completion_detector.{table} order by 1, 2, 3")] for table in tables]
