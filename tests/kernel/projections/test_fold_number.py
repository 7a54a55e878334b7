"""Tables that another version's code has folded are rebuilt by themselves, beside the live ones."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import asyncpg
import pytest
from makima_kernel.event_log.log import Log
from makima_kernel.projections import automatic_rebuild
from makima_kernel.projections.projection import Applied
from makima_kernel.projections.projector import Projector
from makima_kernel.relay.relay import Relay
from makima_kernel.telemetry import metrics
from makima_kernel.testing import PATIENCE, eventually

from tests.background import running
from tests.kernel.event_log.filling import fill
from tests.kernel.projections.sample_projection import Replica, SampleProjection, ready, rows, told

ANOTHER_FOLD = "update sample_projection.line set text = 'as the other version folds it'"
FOR_LONG: Final = timedelta(hours=1)
CHECKPOINT = "select generation, position, fold_number, fold_position from event_log.checkpoints order by 1"


@dataclass
class Upgraded(SampleProjection):
    """Another version. `rebuilding` holds up the batches of a rebuild alone."""

    fold_number: int = 2
    rebuilding: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.rebuilding.set()

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        if "__next" in await connection.fetchval("show search_path"):
            await self.rebuilding.wait()
        await super().apply(connection, batch)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automatic_rebuild, "_REBUILD_RETRY_SECONDS", 0.05)


async def checkpoints(pool: asyncpg.Pool) -> list[tuple[int, int, int | None, int | None]]:
    return [tuple(row) for row in await pool.fetch(CHECKPOINT)]


async def all_texts_are_right(pool: asyncpg.Pool, upto: int) -> None:
    lines, tallies = await rows(pool)
    assert [line[0] for line in lines] == list(range(1, upto + 1))
    assert "as the other version folds it" not in {line[3] for line in lines}
    assert sum(tally[1] for tally in tallies) == upto


async def test_an_upgrade_and_its_rollback_rebuild_the_tables_by_themselves(
    relay: Relay, pool: asyncpg.Pool, replica: Replica
) -> None:
    await fill(pool, 20)
    numbers = (1, 2, 1, 2)
    for generation, number in enumerate(numbers, start=1):
        await pool.execute(ANOTHER_FOLD)
        projector = replica(SampleProjection(fold_number=number))
        async with running(projector.run()):
            await eventually(lambda projector=projector: ready(projector))
            assert await projector.wait_for(20, PATIENCE)
            await all_texts_are_right(pool, 20)
        assert await checkpoints(pool) == [(generation, 20, number, 20)]


async def test_a_restart_of_the_same_version_rebuilds_nothing(
    relay: Relay, pool: asyncpg.Pool, replica: Replica
) -> None:
    for upto in (20, 25):
        await fill(pool, upto - (await Log(pool).head()))
        projector = replica()
        async with running(projector.run()):
            await eventually(lambda projector=projector: ready(projector))
            assert await projector.wait_for(upto, PATIENCE)
    assert await checkpoints(pool) == [(1, 25, 1, 25)]


async def test_the_live_tables_answer_and_follow_meanwhile_and_readiness_says_how_far_it_is(
    relay: Relay, pool: asyncpg.Pool, replica: Replica, sample_projection: SampleProjection
) -> None:
    await fill(pool, 20)
    async with running((first := replica()).run()):
        assert await first.wait_for(20, PATIENCE)
    await pool.execute(ANOTHER_FOLD)
    upgraded = Upgraded()
    upgraded.rebuilding.clear()
    active, standby = replica(upgraded), replica(upgraded)
    async with running(active.run()):
        await eventually(lambda: active.active)
        async with running(standby.run()):
            await eventually(lambda: ready(standby), because="the others answer from the tables of before")
            await fill(pool, 5)
            assert await standby.wait_for(25, PATIENCE)
            lines, _ = await rows(pool)
            assert [line[0] for line in lines] == list(range(1, 26))
            assert {line[3] for line in lines[:20]} == {"as the other version folds it"}
            said = str(await active.check_replica())
            assert "is being rebuilt from the log: 0 of 20 events (0 %)" in said
            upgraded.rebuilding.set()
            await eventually(lambda: ready(active))
            await all_texts_are_right(pool, 25)
    assert await checkpoints(pool) == [(2, 25, 2, 25)]
    assert next(iter(metrics.projection_rebuild.collect())).samples == [], "no rebuild runs any more"


async def test_an_upgrade_that_was_broken_off_is_known_to_the_version_before(
    relay: Relay, pool: asyncpg.Pool, replica: Replica
) -> None:
    """The newer code has applied events to the tables of the older, and its rebuild never ended."""
    await fill(pool, 20)
    async with running((first := replica()).run()):
        assert await first.wait_for(20, PATIENCE)
    upgraded = Upgraded()
    upgraded.rebuilding.clear()
    async with running((second := replica(upgraded)).run()):
        await fill(pool, 5)
        assert await second.wait_for(25, PATIENCE)
    await pool.execute(ANOTHER_FOLD)
    async with running((third := replica()).run()):
        await eventually(lambda: ready(third))
        await all_texts_are_right(pool, 25)
    assert await checkpoints(pool) == [(2, 25, 1, 25)]


@pytest.mark.parametrize("number", ["null", "1"])
async def test_what_a_version_without_fold_numbers_has_applied_is_rebuilt(
    relay: Relay, pool: asyncpg.Pool, replica: Replica, number: str
) -> None:
    """It knows no number, so it leaves that of whoever ran before it."""
    await fill(pool, 20)
    async with running((first := replica()).run()):
        assert await first.wait_for(20, PATIENCE)
    await pool.execute(ANOTHER_FOLD)
    await pool.execute(
        f"update event_log.checkpoints set fold_number = {number}, fold_position = nullif(fold_position, 20)"
    )
    async with running((second := replica()).run()):
        await eventually(lambda: ready(second))
        await all_texts_are_right(pool, 20)


async def test_two_replicas_do_not_rebuild_twice(relay: Relay, pool: asyncpg.Pool, replica: Replica) -> None:
    """Not even if the one that rebuilds loses its lease to the other."""
    await fill(pool, 20)
    async with running((first := replica()).run()):
        assert await first.wait_for(20, PATIENCE)
    await pool.execute(ANOTHER_FOLD)
    upgraded = Upgraded()
    upgraded.rebuilding.clear()
    one, other = (replica(upgraded, lease=FOR_LONG, owner=name) for name in ("one", "other"))
    async with running(one.run()):
        await eventually(lambda: pool.fetchval("select max(generation) = 2 from event_log.checkpoints"))
        await pool.execute("update event_log.checkpoints set owner = 'other' where generation = 1")
        async with running(other.run()):
            await eventually(lambda: says(other, "another rebuild is running"))
            upgraded.rebuilding.set()
            await eventually(lambda: ready(one))
            await eventually(lambda: ready(other))
            await all_texts_are_right(pool, 20)
            await eventually(lambda: (one.active, other.active) == (False, True))
    assert await checkpoints(pool) == [(2, 20, 2, 20)]


async def says(projector: Projector, text: str) -> bool:
    return text in str(await told(projector))


async def test_a_rebuild_that_fails_says_why_and_is_tried_again(
    relay: Relay, pool: asyncpg.Pool, replica: Replica
) -> None:
    await fill(pool, 20)
    async with running((first := replica()).run()):
        assert await first.wait_for(20, PATIENCE)
    await pool.execute(ANOTHER_FOLD)
    upgraded = Upgraded(failing_at=7)
    async with running((second := replica(upgraded)).run()):
        await eventually(lambda: says(second, "the last attempt failed: ArithmeticError: cannot apply 7"))
        upgraded.failing_at = None
        await eventually(lambda: ready(second))
        await all_texts_are_right(pool, 20)
