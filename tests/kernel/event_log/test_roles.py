"""Each service has a role of its own in Postgres, and may with it what its work needs."""

import base64
import itertools
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from makima_kernel.event_log import roles
from makima_kernel.event_log.append import Appended
from makima_kernel.event_log.log import Log
from makima_kernel.event_log.logins import ADDRESS, logins_in
from makima_kernel.event_log.maintenance import prune
from makima_kernel.event_log.partitions import log_partitions
from makima_kernel.event_log.roles import LOG_OWNER, RolesError, role_of
from makima_kernel.event_log.scram import verifier
from makima_kernel.installed_services import InstalledService, installed_services
from makima_kernel.projections.rebuild import rebuild

from tests.kernel.event_log.append_builders import call, command, event
from tests.kernel.event_log.filling import fill
from tests.kernel.projections.sample_projection import SampleProjection

SERVICES: Final = [service.name for service in installed_services()]
PRIVILEGES: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
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
CREATE: Final = "do $$ begin create role {}; exception when duplicate_object then null; end $$"
MAY: Final = """
select coalesce(string_agg(may, ' ' order by number), '')
from unnest($3::text[]) with ordinality as p (may, number)
where has_table_privilege($1, $2::text, may)
"""


@pytest.fixture
async def separated(database: str, pool: asyncpg.Pool) -> asyncpg.Pool:
    """The superuser's pool, after the roles were set up."""
    await roles.set_up(database, installed_services())
    return pool


@asynccontextmanager
async def as_role(database: str, role: str) -> AsyncGenerator[asyncpg.Pool]:
    """A pool whose every connection acts as the role and cannot become another one by itself."""

    async def become(connection: asyncpg.Connection) -> None:
        await connection.execute(f"set session authorization {role}")

    async with asyncpg.create_pool(database, min_size=1, max_size=4, init=become) as pool:
        yield pool


async def tables_of(pool: asyncpg.Pool, schema: str) -> list[str]:
    rows = await pool.fetch(
        "select c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace"
        " where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm') order by 1",
        schema,
    )
    return [name for (name,) in rows]


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


async def test_set_up_again_nothing_changes(separated: asyncpg.Pool, database: str) -> None:
    shape = "select relname, relowner, relacl from pg_class where relnamespace = 'event_log'::regnamespace order by 1"
    before = await separated.fetch(shape)
    await roles.set_up(database, installed_services())
    assert await separated.fetch(shape) == before


async def test_an_operators_one_role_for_all_services_keeps_its_rights(
    database: str, pool: asyncpg.Pool
) -> None:
    """It owned everything, as it does where it has migrated, and is no superuser."""
    await one_role_owns_everything(pool, "operator_one")
    await roles.set_up(database, installed_services())
    async with as_role(database, "operator_one") as one:
        assert await call(one, command("contract-a", event())) == [
            Appended(version=1, first_position=1, position=1)
        ]
        await one.execute(
            "insert into gateway.id_secret (secret) values ('x'); delete from gateway.id_secret"
        )
        await one.execute("alter table contract.unstarted add column more int")


async def test_one_who_may_not_create_roles_is_told_what_to_do_and_nothing_changes(
    database: str, pool: asyncpg.Pool
) -> None:
    await one_role_owns_everything(pool, "operator_two")
    await pool.execute("alter role operator_two login")
    stranger = [InstalledService("never_seen", "makima_never_seen", None)]
    dsn = database.replace("//postgres@", "//operator_two@")
    with pytest.raises(RolesError, match=r"`create role makima_log`.*makima_never_seen.*operator_two"):
        await roles.set_up(dsn, stranger)
    assert await pool.fetchval("select count(*) from pg_roles where rolname = 'makima_never_seen'") == 0


async def test_one_who_may_create_roles_but_is_no_superuser_sets_them_up(
    database: str, pool: asyncpg.Pool
) -> None:
    """A managed server has no superuser for its customers."""
    await one_role_owns_everything(pool, "operator_three")
    await pool.execute("alter role operator_three login createrole")
    await pool.execute(
        f'grant create on database "{await pool.fetchval("select current_database()")}" to operator_three'
    )
    await pool.execute(CREATE.format(LOG_OWNER))  # another test may have
    await pool.execute("grant makima_log to operator_three with admin option")
    mine = [InstalledService("third_party", "makima_third_party", None)]
    await roles.set_up(database.replace("//postgres@", "//operator_three@"), mine)
    assert await pool.fetchval(MAY, "makima_third_party", "event_log.events", PRIVILEGES) == "SELECT"
    assert await pool.fetchval("select tableowner from pg_tables where tablename = 'streams'") == LOG_OWNER


async def test_a_superuser_is_refused_as_a_services_role(database: str, pool: asyncpg.Pool) -> None:
    await pool.execute("create role makima_too_mighty superuser")
    with pytest.raises(RolesError, match="makima_too_mighty: a superuser may not be a service's role"):
        await roles.set_up(database, [InstalledService("too_mighty", "makima_too_mighty", None)])
    await pool.execute("drop role makima_too_mighty")


async def test_a_password_is_stored_as_postgres_itself_would_and_is_in_no_statement(
    pool: asyncpg.Pool,
) -> None:
    """Postgres makes the same of the password with the same salt."""
    await pool.execute("create role kept password 'correct horse'")
    theirs: str = await pool.fetchval("select rolpassword from pg_authid where rolname = 'kept'")
    salt = base64.b64decode(theirs.partition(":")[2].partition("$")[0])
    assert verifier("correct horse", salt) == theirs
    await pool.execute("drop role kept")


async def test_a_service_logs_in_with_the_password_of_its_address(
    pool: asyncpg.Pool, database: str, tmp_path: Path
) -> None:
    address = tmp_path / "lodger" / ADDRESS
    address.parent.mkdir()
    address.write_text("postgresql://makima_lodger:s%20cret@db.example.org/makima\n")
    lodger = InstalledService("lodger", "makima_lodger", None)
    await roles.set_up(database, [lodger], logins_in(tmp_path, ["lodger", "without_a_file"]))
    can, stored = await pool.fetchrow(
        "select rolcanlogin, rolpassword from pg_authid where rolname = 'makima_lodger'"
    ) or (None, "")
    assert (can, stored) == (
        True,
        verifier("s cret", base64.b64decode(stored.partition(":")[2].partition("$")[0])),
    )


@pytest.mark.parametrize(
    "text",
    ["postgresql://makima:secret@db/makima", "postgresql://makima_lodger@db/makima", "postgresql://makima_lodger:ä@db/makima", ""],
)  # fmt: skip
def test_an_address_of_another_user_or_without_a_password_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "lodger").mkdir()
    (tmp_path / "lodger" / ADDRESS).write_text(text)
    with pytest.raises(RolesError, match=r"makima_lodger and its password|must be ASCII"):
        logins_in(tmp_path, ["lodger"])


async def one_role_owns_everything(pool: asyncpg.Pool, role: str) -> None:
    await pool.execute(CREATE.format(role))
    for schema in ("event_log", *SERVICES):
        for (statement,) in await pool.fetch(roles.SQL["ownership"], schema, role, [role]):
            await pool.execute(statement)
