"""The roles are set up by whoever may; an operator's one role for all services goes on, and logins are given on request."""

import base64
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from makima_kernel.event_log import roles
from makima_kernel.event_log.append import Appended
from makima_kernel.event_log.logins import ADDRESS, logins_in
from makima_kernel.event_log.roles import LOG_OWNER, RolesError
from makima_kernel.event_log.scram import verifier
from makima_kernel.installed_services import InstalledService, installed_services

from tests.kernel.event_log.append_builders import call, command, event
from tests.kernel.event_log.role_rights import MAY, PRIVILEGES, SERVICES, as_role

CREATE: Final = "do $$ begin create role {}; exception when duplicate_object then null; end $$"


def as_login(dsn: str, role: str) -> str:
    """The database for another role, whose password is `secret`: a server in a container asks for it."""
    scheme, _, rest = dsn.partition("://")
    return f"{scheme}://{role}:secret@{rest.partition('@')[2]}"


async def test_set_up_again_nothing_changes(pool: asyncpg.Pool, database: str) -> None:
    shape = "select relname, relowner, relacl from pg_class where relnamespace = 'event_log'::regnamespace order by 1"
    await roles.set_up(database, installed_services())
    before = await pool.fetch(shape)
    await roles.set_up(database, installed_services())
    assert await pool.fetch(shape) == before


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
    await pool.execute("alter role operator_two login password 'secret'")
    stranger = [InstalledService("never_seen", "makima_never_seen", None)]
    dsn = as_login(database, "operator_two")
    with pytest.raises(RolesError, match=r"`create role makima_log`.*makima_never_seen.*operator_two"):
        await roles.set_up(dsn, stranger)
    assert await pool.fetchval("select count(*) from pg_roles where rolname = 'makima_never_seen'") == 0


async def test_one_who_may_create_roles_but_is_no_superuser_sets_them_up(
    database: str, pool: asyncpg.Pool
) -> None:
    """A managed server has no superuser for its customers."""
    await one_role_owns_everything(pool, "operator_three")
    await pool.execute("alter role operator_three login createrole password 'secret'")
    await pool.execute(
        f'grant create on database "{await pool.fetchval("select current_database()")}" to operator_three'
    )
    await pool.execute(CREATE.format(LOG_OWNER))  # another test may have
    await pool.execute("grant makima_log to operator_three with admin option")
    mine = [InstalledService("third_party", "makima_third_party", None)]
    await roles.set_up(as_login(database, "operator_three"), mine)
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
