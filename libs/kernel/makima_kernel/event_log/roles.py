"""Gives each service a Postgres role of its own, none a superuser: it owns the service's schema, reads the log, and
adds to it through `event_log.append` alone. The log belongs to a role that nobody can log in as.

An operator may go on with one role for all services: who owned the tables before keeps every right on them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import asyncpg

from makima_kernel.event_log.named_sql import named
from makima_kernel.event_log.scram import verifier
from makima_kernel.installed_services import InstalledService

SQL: Final = named(Path(__file__).with_suffix(".sql"))
LOG_SCHEMA: Final = "event_log"
LOG_OWNER: Final = "makima_log"

_LOCK_TIMEOUT: Final = "2s"  # as of a migration: statements queue behind one that waits for a table's lock
_MAX_LOCK_ATTEMPTS: Final = 15


class RolesError(RuntimeError):
    """The roles cannot be set up; the message says why, and what to do. Nothing was changed."""


def role_of(service: str) -> str:
    """The role of a service: `makima_contract`."""
    return f"makima_{service}"


async def set_up(
    dsn: str, services: Sequence[InstalledService], logins: Mapping[str, str | None] | None = None
) -> list[str]:
    """Creates the missing roles, and leaves each with exactly the rights that it should have; returns the roles of
    the services. To be called after each migration, whose tables belong to whoever migrates.

    `logins`: the services whose role may log in, with its password; None: without one, for a server that asks for
    none. Safe to run repeatedly and by two processes at the same time. Raises `RolesError` if a role is a
    superuser, or if we may not do this.
    """
    roles = [role_of(service.name) for service in services]
    connection = await asyncpg.connect(dsn)
    try:
        for attempt in range(1, _MAX_LOCK_ATTEMPTS + 1):
            try:
                async with connection.transaction():
                    await _set_up(connection, services, logins or {})
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                if attempt == _MAX_LOCK_ATTEMPTS:
                    raise
                await asyncio.sleep(0.1 * attempt)
            else:
                return roles
    except asyncpg.InsufficientPrivilegeError as error:
        raise RolesError(await _what_to_do(connection, roles, str(error))) from error
    finally:
        await connection.close()
    return roles


async def _set_up(
    connection: asyncpg.Connection, services: Sequence[InstalledService], logins: Mapping[str, str | None]
) -> None:
    await connection.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'")
    await connection.execute(SQL["exclusive"])
    roles = [role_of(service.name) for service in services]
    await _create_missing(connection, [LOG_OWNER, *roles])
    await _run_all(connection, "memberships", [LOG_OWNER, *roles])
    await _run_all(connection, "ownership", LOG_SCHEMA, LOG_OWNER, roles)
    for service in services:
        if service.migrations is not None:
            role = role_of(service.name)
            await _run_all(connection, "workshop", service.name, role)
            for schema in (service.name, f"{service.name}__next"):
                await _run_all(connection, "ownership", schema, role, roles)
    await _run_all(connection, "grants", roles)
    await _run_all(connection, "database", roles)
    for service, password in logins.items():
        await _run_all(connection, "login", role_of(service), password and verifier(password))


async def _create_missing(connection: asyncpg.Connection, wanted: Sequence[str]) -> None:
    found = await connection.fetch(SQL["survey"], wanted)
    if masters := [role["role"] for role in found if role["superuser"]]:
        raise RolesError(
            f"{', '.join(masters)}: a superuser may not be a service's role: `alter role … nosuperuser`"
        )
    missing = [role["role"] for role in found if role["missing"]]
    if missing and not found[0]["may_create"]:
        raise RolesError(await _what_to_do(connection, missing, "permission denied to create role"))
    for role in missing:
        await _run_all(connection, "creation", role)


async def _run_all(connection: asyncpg.Connection, name: str, *arguments: object) -> None:
    """Runs each of the statements that the query `name` makes."""
    for (statement,) in await connection.fetch(SQL[name], *arguments):
        await connection.execute(statement)


async def _what_to_do(connection: asyncpg.Connection, roles: Sequence[str], why: str) -> str:
    us = await connection.fetchval("select quote_ident(current_user)")
    return (
        f"{why} (as {us}): let a superuser run `create role {LOG_OWNER}`, `create role …` for each of "
        f"{', '.join(role for role in roles if role != LOG_OWNER)}, and `grant … to {us} with admin option` for all, "
        "or run this command as one"
    )
