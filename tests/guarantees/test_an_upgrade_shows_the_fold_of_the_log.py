"""Guarantee 3, over an upgrade: on the database that an older version left, every read model becomes the fold
of the log by itself.

`tests/history/databases` has what those versions left; `python -m tests.history.dump` made it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from makima_cli.up.prepare import migrate_all
from makima_completion_detector import app as completion_detector
from makima_contract import app as contract
from makima_gateway import app as gateway
from makima_kernel.event_log.log import Log
from makima_kernel.event_log.migrate import all_schemas, rollback
from makima_kernel.nats.streams import provision
from makima_kernel.projections.projection import Projection
from makima_kernel.projections.projector import Projector
from makima_kernel.projections.rebuild import rebuild
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import PATIENCE, eventually
from makima_local import ports
from makima_local.postgres import Postgres
from makima_stale_detector import app as stale_detector
from makima_supervisor_heartbeat import app as supervisor_heartbeat
from nats.aio.client import Client

from tests.background import running
from tests.guarantees.read_models import OURS, folded_rows
from tests.history import dump
from tests.servers import BUDGET

FIRST, LAST, BEFORE_AGENTS = (
    dump.FOLDER / f"{commit}.sql.xz" for commit in ("0a2ee27", "2e943b7", "329bcf2")
)
APPS = (contract, supervisor_heartbeat, completion_detector, stale_detector, gateway)
HAS_PLACE = "select exists (select from information_schema.columns where table_schema = 'event_log' and table_name = 'identity' and column_name = 'place')"
EVENTS = "select md5(string_agg(position || type || data::text, '' order by position)) from event_log.events"
GENERATIONS = "select consumer, min(generation) as generation from event_log.checkpoints group by consumer"


@pytest.fixture
async def left_by(postgres_server: Postgres, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The DSN of a database that holds the dump."""
    path: Path = request.param
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(postgres_server.dsn())
    await admin.execute(f'create database "{name}"')
    connection = await asyncpg.connect(postgres_server.dsn(name))
    await connection.execute(dump.load(path))
    if await connection.fetchval(HAS_PLACE):  # it lies where it lay: an upgrade is no restore
        await connection.execute("update event_log.identity set place = null")
    await connection.close()
    yield postgres_server.dsn(name)
    await admin.execute(f'drop database "{name}" with (force)')
    await admin.close()


async def becomes_the_fold(left_by: str, nats: Client, nats_url: str) -> None:
    """As `makima up` does it: migrations, streams, services."""
    assert await migrate_all(left_by) > 0
    settings = Settings(database_url=left_by, nats_url=nats_url, stream_budget=BUDGET, port=ports.free())
    async with asyncpg.create_pool(left_by, min_size=1, max_size=10) as pool, AsyncExitStack() as started:
        before, outdated = await generations(pool), await folded_by_other_code(pool)
        head = await Log(pool).head()
        await provision(nats, Log(pool), budget=BUDGET)
        services = await asyncio.gather(
            *(started.enter_async_context(Service.running(app.NAME, settings, app.build)) for app in APPS)
        )
        for service in services:
            await eventually(partial(is_ready, service))
        rebuilt = {name: generation + (name in outdated) for name, generation in before.items()}
        assert await generations(pool) == rebuilt, "each that other code folded is rebuilt, and once"
        await started.aclose()
        await nothing_is_missing(pool, head)
        for projection in OURS:
            await is_the_fold(pool, nats, projection)


async def is_the_fold(pool: asyncpg.Pool, nats: Client, projection: Projection) -> None:
    """Once it has applied what the services appended last; they do not run any more."""
    log = Log(pool)
    projector = Projector(projection, pool, log, nats, owner="test")
    async with running(projector.run()):
        assert await projector.wait_for(await log.head(), PATIENCE)
    before = await folded_rows(pool, projection)
    await rebuild(projection, pool, log)
    assert await folded_rows(pool, projection) == before


@pytest.mark.parametrize(
    "left_by",
    [FIRST, LAST, BEFORE_AGENTS],
    indirect=True,
    ids=["the first version", "the last release", "the version before agents"],
)
async def test_every_table_is_the_fold_of_the_log_once_it_is_ready(
    left_by: str, nats: Client, nats_url: str
) -> None:
    await becomes_the_fold(left_by, nats, nats_url)


@pytest.mark.parametrize("left_by", [BEFORE_AGENTS], indirect=True, ids=["the version before agents"])
async def test_an_upgrade_that_is_undone_leaves_the_database_as_it_was_and_can_be_made_again(
    left_by: str, nats: Client, nats_url: str
) -> None:
    """Tables, columns and indexes are those of the version before, and its log has every event."""
    async with asyncpg.create_pool(left_by, min_size=1, max_size=2) as pool:
        schemas, before = await applied(pool), await shape(pool)
        events = await pool.fetchval(EVENTS)
        assert await migrate_all(left_by) > 0
        assert await shape(pool) != before
        folders = dict(all_schemas())
        for schema, number in schemas.items():
            await rollback(left_by, folders[schema], schema, number)
        assert await applied(pool) == schemas
        assert await shape(pool) == before
        assert await pool.fetchval(EVENTS) == events
    await becomes_the_fold(left_by, nats, nats_url)


async def applied(pool: asyncpg.Pool) -> dict[str, int]:
    """The newest migration of each schema."""
    found = await pool.fetch(
        "select table_schema as schema from information_schema.tables where table_name = 'migrations'"
    )
    return {
        row["schema"]: await pool.fetchval(f"select max(number) from {row['schema']}.migrations")
        for row in found
    }


async def shape(pool: asyncpg.Pool) -> set[tuple[object, ...]]:
    """Every column and index of our schemas; those of telemetry's partitions come and go."""
    rows = await pool.fetch(
        """select table_schema, table_name, column_name, data_type from information_schema.columns
           where table_schema !~ '^(pg_|information_schema|public)' and table_schema !~ '__next$' and table_name !~ '_p[0-9]+$'
           union all
           select schemaname, tablename, indexname, indexdef from pg_indexes
           where schemaname !~ '^(pg_|information_schema|public)' and schemaname !~ '__next$' and tablename !~ '_p[0-9]+$'"""
    )
    return {tuple(row) for row in rows}


async def generations(pool: asyncpg.Pool) -> dict[str, int]:
    return {row["consumer"]: row["generation"] for row in await pool.fetch(GENERATIONS)}


async def folded_by_other_code(pool: asyncpg.Pool) -> set[str]:
    """The projections whose fold is not that of the version before; a first log knows no fold numbers."""
    rows = await pool.fetch("select consumer, fold_number from event_log.checkpoints")
    numbers: dict[str, int | None] = {row["consumer"]: row["fold_number"] for row in rows}
    return {each.name for each in OURS if numbers.get(each.name) != each.fold_number}


async def is_ready(service: Service) -> bool:
    status, said = await service.health.condition()
    assert status == 200, said
    return True


async def nothing_is_missing(pool: asyncpg.Pool, head: int) -> None:
    """What an upgrade of a first log showed before: no supervisor, and no task's role."""
    known = """
        select count(*) filter (where s.task_id is null), count(*)
        from event_log.events as e left join contract.supervisors as s on s.task_id = substr(e.stream, 12)
        where e.type = 'SupervisorRegistered' and e.position <= $1
          and exists (select from gateway.contracts as c where c.id = e.data ->> 'contract_id')"""
    missing, registered = await pool.fetchrow(known, head) or (1, 0)
    assert (missing, registered > 5) == (0, True)
    roles = """
        select count(*) filter (where t.wanted_role is distinct from e.data ->> 'role'), count(*)
        from event_log.events as e join gateway.tasks as t on t.id = e.data ->> 'task_id'
        where e.type = 'TaskCreated' and e.position <= $1"""
    wrong, created = await pool.fetchrow(roles, head) or (1, 0)
    assert (wrong, created > 20) == (0, True)
