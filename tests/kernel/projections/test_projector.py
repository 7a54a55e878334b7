"""A projector keeps its tables equal to the log: one active replica, in order, and it says what stands in its
way.
"""

import asyncio
from collections.abc import Sequence

import asyncpg
import orjson
import pytest
from makima_kernel.projections.projector import Applied
from makima_kernel.relay.relay import Relay
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas import subjects
from nats.aio.client import Client

from tests.background import running
from tests.kernel.event_log.filling import append, fill
from tests.kernel.projections.sample_projection import Replica, SampleProjection, raw, rows


async def test_rows_and_checkpoint_follow_the_log(relay: Relay, pool: asyncpg.Pool, replica: Replica) -> None:
    await fill(pool, 40)
    projector = replica()
    async with running(projector.run()):
        assert await projector.wait_for(40, PATIENCE)
        await fill(pool, 5)
        assert await projector.wait_for(45, PATIENCE)
        await eventually(lambda: projector.ready() is None)
    lines, tally = await rows(pool)
    assert [line[0] for line in lines] == list(range(1, 46))
    assert sum(events for _, events, _ in tally) == 45
    assert (
        await pool.fetchval("select position from event_log.checkpoints where consumer = 'sample_projection'")
        == 45
    )


class Noting(SampleProjection):
    """Notes whether its commits wait for the disk."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.commits = set[str]()

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        self.commits.add(str(await connection.fetchval("show synchronous_commit")))
        await super().apply(connection, batch)


async def test_a_commit_of_rows_that_can_be_made_again_waits_for_no_disk(
    relay: Relay, pool: asyncpg.Pool, replica: Replica
) -> None:
    """Only the gateway's did so: of a save, four waits for the disk where one is needed."""
    projection = Noting()
    projector = replica(projection)
    async with running(projector.run()):
        await fill(pool, 3)
        assert await projector.wait_for(3, PATIENCE)
    assert projection.commits == {"off"}
    assert await pool.fetchval("show synchronous_commit") == "on", "of that transaction alone"


async def test_each_commit_is_told_with_what_was_applied_and_poked_with_its_position(
    relay: Relay, pool: asyncpg.Pool, nats: Client, replica: Replica
) -> None:
    told: list[tuple[int, int]] = []
    pokes = await nats.subscribe(subjects.projected("sample_projection"))

    def on_commit(position: int, applied: list[Applied]) -> None:
        told.append((position, len(applied)))

    projector = replica(on_commit=on_commit)
    async with running(projector.run()):
        await fill(pool, 7)
        assert await projector.wait_for(7, PATIENCE)
        assert told[-1][0] == 7
        assert sum(count for _, count in told) == 7
        while int((await pokes.next_msg(timeout=PATIENCE)).data) < 7:
            pass


async def test_waiting_for_a_position_ends_with_the_time(
    stream: None, pool: asyncpg.Pool, replica: Replica
) -> None:
    projector = replica()
    async with running(projector.run()):
        assert not await projector.wait_for(1, 0.1)


async def test_a_failing_batch_is_tried_again_in_order_and_the_reason_names_the_event(
    relay: Relay, pool: asyncpg.Pool, replica: Replica, sample_projection: SampleProjection
) -> None:
    await fill(pool, 30)
    sample_projection.failing_at = 21
    projector = replica()
    async with running(projector.run()):
        await eventually(
            lambda: (
                "failed after position 20: ArithmeticError('cannot apply 21')" in (projector.ready() or "")
            ),
            60,
        )
        assert [line[0] for line in (await rows(pool))[0]] == list(range(1, 21))
        sample_projection.failing_at = None
        assert await projector.wait_for(30, PATIENCE)
        await eventually(lambda: projector.ready() is None)
    assert [line[0] for line in (await rows(pool))[0]] == list(range(1, 31))


async def test_events_of_other_categories_move_only_the_checkpoint(
    relay: Relay, pool: asyncpg.Pool, replica: Replica
) -> None:
    await append(pool, "daemon-d1", raw("SomethingUnheardOf", 9, b"{}"))
    await append(pool, "contract-c1", raw("ContractStarted", 1, b'{"not": "subscribed, so never decoded"}'))
    projector = replica()
    async with running(projector.run()):
        assert await projector.wait_for(2, PATIENCE)
    assert await rows(pool) == ([], [])


@pytest.mark.parametrize(("name", "schema"), [("ContractTeleported", 1), ("ContractPaused", 2)])
async def test_it_stops_before_a_type_or_schema_that_it_should_know_and_does_not(
    relay: Relay, pool: asyncpg.Pool, replica: Replica, name: str, schema: int
) -> None:
    await fill(pool, 3)
    await append(pool, "contract-c1", raw(name, schema, b"{}"))
    await fill(pool, 3)
    projector = replica()
    async with running(projector.run()):
        await eventually(
            lambda: f"stopped before position 4: event {name} schema {schema}" in (projector.ready() or ""),
            60,
        )
        assert projector.position == 3
        assert await pool.fetchval("select position from event_log.checkpoints") == 3
        await eventually(
            lambda: pool.fetchval("select owner is null from event_log.checkpoints"),
            because="a newer build may try",
        )


async def test_undecodable_data_is_set_aside_with_its_place_and_the_rest_goes_on(
    relay: Relay, pool: asyncpg.Pool, nats: Client, replica: Replica
) -> None:
    await append(pool, "contract-c1", raw("ContractPaused", 1, b'{"reason": 7}'))
    await fill(pool, 3)
    projector = replica()
    async with running(projector.run()):
        assert await projector.wait_for(4, PATIENCE)
        await eventually(lambda: projector.ready() is None)
    assert [line[0] for line in (await rows(pool))[0]] == [2, 3, 4]
    letter = await nats.jetstream().get_last_msg(
        subjects.DEAD_LETTERS_STREAM, subjects.dead_letter(subjects.EVENTS_STREAM, "sample_projection")
    )
    body = orjson.loads(letter.data or b"")
    assert body["origin"] == {"position": 1, "stream": "contract-c1", "type": "ContractPaused", "schema": 1}
    assert body["payload"] == '{"reason": 7}'
    assert "reason" in body["reason"]


async def test_a_database_restored_to_the_past_is_read_again(
    relay: Relay, pool: asyncpg.Pool, replica: Replica
) -> None:
    await fill(pool, 5)
    await pool.execute("insert into event_log.checkpoints values ('sample_projection', 1, 0, 50)")
    await pool.execute(
        "insert into sample_projection.line values (50, 'contract-c1', 'ContractPaused', 'of a future that never was')"
    )
    projector = replica()
    async with running(projector.run()):
        await eventually(lambda: projector.position == 5)
        await fill(pool, 1)
        assert await projector.wait_for(6, PATIENCE)
    assert [line[0] for line in (await rows(pool))[0]] == list(range(1, 7))


async def test_a_database_that_has_grown_again_since_its_restore_is_read_again(
    relay: Relay, pool: asyncpg.Pool, replica: Replica
) -> None:
    """The position alone would not tell: there is an event at it, but another one than that which was
    applied.
    """
    await fill(pool, 5)
    async with running((projector := replica()).run()):
        assert await projector.wait_for(5, PATIENCE)
    await pool.execute("update event_log.checkpoints set event_id = gen_random_uuid(), position = 4")
    await pool.execute("update sample_projection.line set type = 'of a future that never was'")
    async with running((projector := replica()).run()):
        await eventually(lambda: projector.position == 5 and projector.ready() is None)
    assert {line[2] for line in (await rows(pool))[0]} & {"of a future that never was"} == set()


async def test_it_goes_on_when_postgres_cuts_its_connections(
    relay: Relay, pool: asyncpg.Pool, database: str, replica: Replica
) -> None:
    await fill(pool, 5)
    projector = replica()
    async with running(projector.run()):
        assert await projector.wait_for(5, PATIENCE)
        admin = await asyncpg.connect(database)
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()"
        )
        async with asyncio.timeout(PATIENCE), asyncpg.create_pool(database, min_size=1, max_size=1) as other:
            await fill(other, 5)
        await admin.close()
        assert await projector.wait_for(10, PATIENCE)
    assert [line[0] for line in (await rows(pool))[0]] == list(range(1, 11))
