"""Each service has a role of its own in Postgres, and may with it what its work needs."""

import itertools
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from makima_kernel.event_log import roles
from makima_kernel.event_log.append import Appended
from makima_kernel.event_log.log import Log
from makima_kernel.event_log.maintenance import prune
from makima_kernel.event_log.partitions import log_partitions
from makima_kernel.event_log.roles import LOG_OWNER, role_of
from makima_kernel.installed_services import InstalledService, installed_services
from makima_kernel.projections.rebuild import rebuild

from tests.kernel.event_log.append_builders import call, command, event
from tests.kernel.event_log.filling import fill
from tests.kernel.event_log.role_rights import MAY, PRIVILEGES, SERVICES, as_role, tables_of
from tests.kernel.projections.sample_projection import SampleProjection

# What every service may do to each table of the log by itself. Appending, upkeep and pruning are functions.
ON_THE_LOG: Final[Mapping[str, str]] = {
    "events": "SELECT",
    "events_p000000000000": "",  # as every partition: read through the table
    "events_p000010000000": "",
    "events_p000020000000": "",
    "streams": "SELECT",
    "commands": "SELECT",
    "identity": "SELECT",  # and UPDATE of the column `place`
    "checkpoints": "SELECT INSERT UPDATE DELETE",
    "snapshots": "SELECT INSERT UPDATE",
    "migrations": "",
}


@pytest.fixture
async def separated(database: str, pool: asyncpg.Pool) -> asyncpg.Pool:
    """The superuser's pool, after the roles were set up."""
    await roles.set_up(database, installed_services())
    return pool


async def test_no_role_of_ours_is_a_superuser_or_can_become_another(separated: asyncpg.Pool) -> None:
    ours = [LOG_OWNER, *map(role_of, SERVICES)]
    rows = await separated.fetch(
        "select rolname from pg_roles where rolname = any ($1) and not"
        " (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)",
        ours,
    )
    assert {name for (name,) in rows} == set(ours)
    assert not await separated.fetchval(
        "select count(*) from unnest($1::text[]) as one, unnest($1::text[]) as other"
        " where one <> other and pg_has_role(one, other, 'MEMBER')",
        ours,
    )
    assert not await separated.fetchval("select rolcanlogin from pg_roles where rolname = $1", LOG_OWNER)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_may_do_to_the_log_what_the_table_says(separated: asyncpg.Pool, service: str) -> None:
    tables = await tables_of(separated, "event_log")
    may = {
        table: await separated.fetchval(MAY, role_of(service), f"event_log.{table}", PRIVILEGES)
        for table in tables
    }
    assert may == dict(ON_THE_LOG)
    columns = await separated.fetch(
        "select attname from pg_attribute where attrelid = 'event_log.identity'::regclass and attnum > 0"
        " and has_column_privilege($1, attrelid, attname, 'UPDATE')",
        role_of(service),
    )
    assert [name for (name,) in columns] == ["place"]


async def test_a_service_owns_its_schema_and_has_nothing_on_those_of_others(separated: asyncpg.Pool) -> None:
    everything = " ".join(PRIVILEGES)
    for service, owner in itertools.product(SERVICES, SERVICES):
        wanted = everything if service == owner else ""
        for schema in (owner, f"{owner}__next"):
            may = await separated.fetchval(
                "select has_schema_privilege($1, $2::text, 'USAGE') or has_schema_privilege($1, $2, 'CREATE')",
                role_of(service),
                schema,
            )
            assert may == (service == owner), f"{service} on the schema {schema}"
        for table in await tables_of(separated, owner):
            may = await separated.fetchval(MAY, role_of(service), f"{owner}.{table}", PRIVILEGES)
            assert may == wanted, f"{service} on {owner}.{table}"


REFUSED: Final = {
    "writing past append": "insert into event_log.events select position + 1, tenant, stream, version + 1, gen_random_uuid(),"
    " gen_random_uuid(), type, schema, data, meta, recorded_at from event_log.events",
    "changing an event": "update event_log.events set type = 'Forged'",
    "deleting events": "delete from event_log.events",
    "emptying the log": "truncate event_log.events",
    "writing into a partition": "delete from event_log.events_p000000000000",
    "switching off what keeps it append-only": "alter table event_log.events disable trigger append_only",
    "dropping it": "drop table event_log.events cascade",
    "replacing append": "create or replace function event_log.refuse_change() returns trigger language plpgsql as 'begin return old; end'",
    "setting a version": "update event_log.streams set version = 99",
    "forgetting commands": "delete from event_log.commands",
    "a new epoch": "update event_log.identity set epoch = gen_random_uuid()",
    "a schema of its own": "create schema mine",
    "a table in public": "create table public.mine (id int)",
    "becoming the log's owner": "set role makima_log",
    "becoming another service": "set role makima_gateway",
    "another's rows": "select * from gateway.tokens",
    "another's migrations": "insert into gateway.migrations values (99, 'pre', 'x', '')",
    "a role": "create role mine superuser",
}


@pytest.mark.parametrize("attempt", REFUSED)
async def test_a_service_is_refused(separated: asyncpg.Pool, database: str, attempt: str) -> None:
    await call(separated, command("contract-a", event()))
    async with as_role(database, role_of("contract")) as pool:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(REFUSED[attempt])


@pytest.mark.parametrize(
    "refused",
    [
        "select event_log.make_partition(30000000, 9000000000000000000)",
        "select event_log.make_partition(40000000, 50000000)",
        "select event_log.prune_commands('1 day', 5000)",
    ],
)
async def test_the_upkeep_of_the_log_harms_it_for_nobody(
    separated: asyncpg.Pool, database: str, refused: str
) -> None:
    async with as_role(database, role_of("contract")) as pool:
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await pool.execute(refused)


async def test_a_service_appends_reads_and_keeps_the_log_up(separated: asyncpg.Pool, database: str) -> None:
    await separated.execute("drop table event_log.events_p000010000000, event_log.events_p000020000000")
    async with as_role(database, role_of("contract")) as pool:
        old = command("contract-a", event())
        assert await call(pool, old) == [Appended(version=1, first_position=1, position=1)]
        assert [read.position for read in await Log(pool).after(0)] == [1]
        assert len(await log_partitions(pool).ensure_ahead()) == 2
        await separated.execute(
            "update event_log.commands set recorded_at = recorded_at - interval '31 days'"
        )
        assert await prune(pool, timedelta(days=30)) == 1
        assert await pool.fetchval("select event_log.place()") is not None, "or a restored dump goes unseen"


async def test_a_service_rebuilds_its_tables_again_and_again(
    separated: asyncpg.Pool, database: str, sample_projection: SampleProjection
) -> None:
    """Though it may create no schema; and its new tables are as closed to others as the old ones."""
    rebuilding = InstalledService(sample_projection.schema, "makima_sample_projection", Path())
    await roles.set_up(database, [rebuilding])
    await fill(separated, 20)
    async with as_role(database, role_of(sample_projection.schema)) as pool:
        for _ in range(2):
            assert await rebuild(sample_projection, pool, Log(pool)) == 20
    assert await separated.fetchval(MAY, role_of("gateway"), "sample_projection.line", PRIVILEGES) == ""
