"""Guarantee 3: at any checkpoint the rows are the fold of the log up to it: whoever is killed, frozen or
late, and through every rebuild.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from makima_kernel.event_log.append import NewEvent, new_event
from makima_kernel.event_log.log import Log
from makima_kernel.nats import streams
from makima_kernel.projections.projector import Projector
from makima_kernel.projections.rebuild import rebuild
from makima_kernel.relay.relay import Relay
from makima_kernel.testing import eventually
from nats.aio.client import Client

from tests.background import running
from tests.guarantees.projected_fold import at_least, equals_the_fold, held_up_in
from tests.guarantees.replicas import LEASE, project_forever, replica
from tests.kernel.event_log.filling import append_all, fill, some_event
from tests.kernel.projections.sample_projection import (
    TABLES,
    SampleProjection,
    raw,
    rows,
)
from tests.servers import BUDGET

events = st.one_of(
    st.integers(0, 999).map(lambda number: new_event(some_event(number))),
    st.just(b'{"reason": 7}').map(
        lambda data: raw("ContractPaused", 1, data)
    ),  # undecodable: in no read model
    st.sampled_from(["ContractStarted", "ContractArchived"]).map(
        lambda name: raw(name, 1, b"{}")
    ),  # not subscribed
)
commands = st.dictionaries(
    st.sampled_from(["contract-a", "contract-b", "agent-a:builder"]), st.lists(events, max_size=5), min_size=1
)


@pytest.fixture
async def read_model(pool: asyncpg.Pool, nats: Client) -> AsyncGenerator[asyncpg.Pool]:
    """Empty tables, a provisioned broker, and a relay."""
    await pool.execute(TABLES)
    await streams.provision(nats, Log(pool), budget=BUDGET)
    async with running(Relay(pool, nats, budget=BUDGET).run()):
        yield pool


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(commands, min_size=1, max_size=8), max_batch=st.integers(1, 7))
async def test_whatever_is_recorded_in_whatever_batches_the_rows_are_its_fold(
    read_model: asyncpg.Pool, nats: Client, batches: Sequence[dict[str, list[NewEvent]]], max_batch: int
) -> None:
    """One log for all examples: each goes on where the last one ended, under another replica."""
    log = Log(read_model)
    projector = Projector(SampleProjection(), read_model, log, nats, owner="one of many", max_batch=max_batch)
    async with running(projector.run()):
        for batch in batches:
            await append_all(read_model, {stream: tuple(renewed(events)) for stream, events in batch.items()})
            await equals_the_fold(read_model)
        assert await projector.wait_for(await log.head(), 120)
    assert await equals_the_fold(read_model) == await log.head()


def renewed(events: Sequence[NewEvent]) -> list[NewEvent]:
    """Under ids of their own: hypothesis may draw the same event again."""
    return [raw(event.type, event.schema, event.data) for event in events]


async def test_a_projector_killed_between_rows_and_checkpoint_leaves_neither(
    read_model: asyncpg.Pool, database: str, nats: Client, nats_url: str
) -> None:
    await fill(read_model, 100)
    with replica(project_forever, database, nats_url, "stuck", True) as stuck:
        await eventually(
            lambda: read_model.fetchval(
                "select count(*) from pg_stat_activity where application_name = 'stuck' and state = 'idle in transaction' and query ~ 'tally'"
            ),
            20,
            because="its rows are written, and its checkpoint too, but not committed",
        )
        stuck.kill()
        assert await equals_the_fold(read_model) == 0
    projector = Projector(SampleProjection(), read_model, Log(read_model), nats, owner="next")
    async with running(projector.run()):
        assert await projector.wait_for(100, 120)
    assert await equals_the_fold(read_model) == 100


async def test_a_projector_killed_while_it_waits_for_its_checkpoint_leaves_no_rows(
    read_model: asyncpg.Pool, database: str, nats: Client, nats_url: str
) -> None:
    """The other order: whoever wrote the rows in a transaction of their own has them committed by now."""
    await fill(read_model, 50)
    with replica(project_forever, database, nats_url, "victim", False) as victim:
        await eventually(lambda: at_least(read_model, 50))
        async with held_up_in(read_model, "advance", of="victim"):
            victim.kill()
            await read_model.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim'"
            )
            await eventually(
                lambda: read_model.fetchval(
                    "select count(*) = 0 from pg_stat_activity where application_name = 'victim'"
                )
            )
    shown = await equals_the_fold(read_model)
    head = await Log(read_model).head()
    assert shown < head, "it was killed before the end"
    projector = Projector(SampleProjection(), read_model, Log(read_model), nats, owner="next")
    async with running(projector.run()):
        assert await projector.wait_for(head, 120)
    assert await equals_the_fold(read_model) == head


async def test_projectors_killed_at_random_leave_the_fold_at_every_moment(
    read_model: asyncpg.Pool, database: str, nats_url: str
) -> None:
    chance, shown = random.Random(3), 0
    for number in range(12):
        with replica(project_forever, database, nats_url, f"victim-{number % 2}", False):
            before = await fill(read_model, 60)
            if number % 2:
                await eventually(lambda before=before: at_least(read_model, before - 30))
            else:
                await asyncio.sleep(
                    chance.uniform(0, 0.1)
                )  # not a wait for anything: the moment of its death is the point
        assert await equals_the_fold(read_model) >= shown
        shown = await equals_the_fold(read_model)
    assert shown >= 500


async def test_a_zombie_replica_loses_and_changes_nothing(
    read_model: asyncpg.Pool, database: str, nats: Client, nats_url: str
) -> None:
    log = Log(read_model)
    await fill(read_model, 50)
    with replica(project_forever, database, nats_url, "zombie", False) as zombie:
        await eventually(lambda: at_least(read_model, 50))
        await zombie.freeze()
        projector = Projector(SampleProjection(), read_model, log, nats, owner="heir", lease=LEASE)
        async with running(projector.run()):
            await fill(read_model, 50)
            assert await projector.wait_for(100, 120)
            zombie.thaw()  # it still believes that it is the active one, at 50, and has the same events to apply
            await fill(read_model, 50)
            assert await projector.wait_for(150, 120)
            assert await equals_the_fold(read_model) == 150
            owner = await read_model.fetchval("select owner from event_log.checkpoints")
            assert owner == "heir"


async def test_a_replica_frozen_in_the_middle_of_a_batch_holds_nobody_up(
    read_model: asyncpg.Pool, database: str, nats: Client, nats_url: str
) -> None:
    await fill(read_model, 50)
    with replica(project_forever, database, nats_url, "stuck", True):
        await eventually(
            lambda: read_model.fetchval(
                "select count(*) from pg_locks where relation = 'sample_projection.tally'::regclass and granted"
            ),
            20,
        )
        projector = Projector(
            SampleProjection(), read_model, Log(read_model), nats, owner="heir", lease=LEASE
        )
        async with running(projector.run()):
            assert await projector.wait_for(50, 120), projector.ready()
    assert await equals_the_fold(read_model) == 50


async def test_rebuilds_give_the_same_rows_and_readers_never_see_a_gap(
    read_model: asyncpg.Pool, nats: Client
) -> None:
    log, over = Log(read_model), asyncio.Event()
    projector = Projector(SampleProjection(), read_model, log, nats, owner="me")
    looks = 0

    async def write() -> None:
        while not over.is_set():
            await fill(read_model, 20)

    async def look() -> None:
        nonlocal looks
        seen = 0
        while not over.is_set():
            position = await read_model.fetchval(
                "select coalesce(min(position), 0) from event_log.checkpoints"
            )
            count, newest = await read_model.fetchrow(
                "select count(*), coalesce(max(position), 0) from sample_projection.line"
            ) or (0, 0)
            assert count == newest, "a line is missing"
            assert newest >= max(seen, position), "the read model went back"
            seen, looks = newest, looks + 1

    async with running(projector.run()), asyncio.TaskGroup() as group:
        for task in (write(), look(), look()):
            group.create_task(task)
        await eventually(lambda: projector.position >= 200)
        for _ in range(4):
            await rebuild(SampleProjection(), read_model, log, max_batch=200)
            await equals_the_fold(read_model)
        over.set()
    assert looks > 50
    generation, position = await read_model.fetchrow(
        "select generation, position from event_log.checkpoints"
    ) or (0, 0)
    assert generation == 5
    assert await rebuild(SampleProjection(), read_model, log) >= position
    before = await rows(read_model)
    await rebuild(SampleProjection(), read_model, log)
    assert await rows(read_model) == before
    await equals_the_fold(read_model)
