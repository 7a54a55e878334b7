"""Writes the embedded Postgres' database into one file, and restores it from one."""

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import asyncpg

from makima_local.account import account
from makima_local.postgres import DATABASE, Postgres
from makima_local.postgres_binaries import binaries

RESTORING: Final = f"{DATABASE}_restoring"  # is filled, and takes the database's name when it is whole
REPLACED: Final = f"{DATABASE}_replaced"  # the database of before, until it is dropped
_OURS: Final = ("--no-owner", "--no-privileges")  # the next migration gives the tables to the roles again
_THE_LOG: Final = " TABLE event_log identity "  # in the list of what a backup holds
_MAX_ERRORS_LENGTH: Final = 500  # characters of what a program prints on stderr


class BackupFailedError(RuntimeError):
    """The backup could not be written or restored; the message says why. The database is as it was."""


class NotEmptyError(RuntimeError):
    """There is a database already, which a restore would replace."""


class StillUsedError(RuntimeError):
    """Programs are connected to the database that a restore would replace."""


@dataclass(frozen=True, slots=True)
class LogState:
    """Which log a database holds, and how far it goes."""

    epoch: str
    events: int  # without archived partitions
    head: int  # position of the last event; 0: there is none


async def dump(postgres: Postgres, file: Path) -> LogState:
    """Writes the database as it is at one moment into `file`, and returns how far the log was then.

    Whoever writes to the database meanwhile is not kept waiting. Raises `BackupFailedError`.
    """
    connection = await _connected(postgres, DATABASE)
    try:
        # The moment of the dump is that of this transaction, so that what is returned is what is in the file.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            moment = str(await connection.fetchval("SELECT pg_export_snapshot()"))
            state = await _log_state(connection)
            of_it = ("--format=custom", *_OURS, f"--snapshot={moment}", f"--dbname={postgres.dsn(DATABASE)}")
            await _run("pg_dump", *of_it, f"--file={file}")
    except asyncpg.PostgresError as error:
        raise BackupFailedError(f"{DATABASE} cannot be read: {error}") from error
    finally:
        await connection.close()
    return state


async def require_backup(file: Path) -> None:
    """Raises `BackupFailedError` for a file that is no backup of makima."""
    if _THE_LOG not in await _run("pg_restore", "--list", str(file)):
        raise BackupFailedError(f"{file} is a dump of another database than makima's")


async def restore(
    postgres: Postgres, file: Path, migrate: Callable[[str], Awaitable[object]], *, replace: bool
) -> LogState:
    """Puts what is in `file` in the database's place, and returns how far its log goes.

    It is restored beside the present one, and `migrate` brings it to this version (it gets its address); only then
    it takes the place, in one transaction. `replace`: there may be a database. Raises `NotEmptyError`,
    `StillUsedError`, `BackupFailedError`, and what `migrate` raises: then the present one stays.
    """
    server = await _connected(postgres, "postgres")
    try:
        present = bool(await server.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE))
        if present and not replace:
            raise NotEmptyError(f"there is a database in {postgres.folder} already")
        await _require_unused(server)
        await _drop(server, RESTORING)
        await server.execute(f"CREATE DATABASE {RESTORING}")
        try:
            address = postgres.dsn(RESTORING)
            await _run(
                "pg_restore",
                "--exit-on-error",
                "--single-transaction",
                *_OURS,
                f"--dbname={address}",
                str(file),
            )
            await migrate(address)
            state = await _state_of(postgres, RESTORING)
            await _swap(server, present=present)
        except BaseException:
            await _drop(server, RESTORING)
            raise
        await _drop(server, REPLACED)
    except asyncpg.PostgresError as error:
        raise BackupFailedError(f"{file} cannot be restored: {error}") from error
    finally:
        await server.close()
    return state


async def _connected(postgres: Postgres, database: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(postgres.dsn(database), timeout=5.0)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        why = str(error) or type(error).__name__
        raise BackupFailedError(f"the database in {postgres.folder} cannot be reached: {why}") from error


async def _require_unused(server: asyncpg.Connection) -> None:
    """A service that runs would write into the database that is dropped, or keep it from being replaced."""
    users = await server.fetch(
        "SELECT DISTINCT usename::text AS name FROM pg_stat_activity"
        " WHERE datname = $1 AND backend_type = 'client backend' ORDER BY 1",
        DATABASE,
    )
    if users:
        names = ", ".join(str(user["name"]) for user in users)
        raise StillUsedError(f"programs are connected to the database, as {names}")


async def _swap(server: asyncpg.Connection, *, present: bool) -> None:
    async with server.transaction():
        if present:
            await server.execute(f"ALTER DATABASE {DATABASE} RENAME TO {REPLACED}")
        await server.execute(f"ALTER DATABASE {RESTORING} RENAME TO {DATABASE}")


async def _drop(server: asyncpg.Connection, database: str) -> None:
    await server.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


async def _state_of(postgres: Postgres, database: str) -> LogState:
    connection = await _connected(postgres, database)
    try:
        return await _log_state(connection)
    finally:
        await connection.close()


async def _log_state(connection: asyncpg.Connection) -> LogState:
    found = await connection.fetchrow(
        "SELECT epoch::text, (SELECT count(*) FROM event_log.events), (SELECT coalesce(max(position), 0) FROM event_log.events)"
        " FROM event_log.identity"
    )
    return LogState(*cast("tuple[str, int, int]", found))


async def _run(program: str, *arguments: str) -> str:
    """Runs a program of the Postgres wheel to its end, as our user; returns what it prints.

    Raises `BackupFailedError` with its own words.
    """
    path = (await asyncio.to_thread(binaries, account())) / program
    # Nothing in the environment that libpq would heed instead of the address.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "MAKIMA_"))}
    process = await asyncio.create_subprocess_exec(
        str(path), *arguments, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=env | {"LC_ALL": "C"}
    )
    try:
        printed, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise BackupFailedError(
            errors.decode(errors="replace").strip()[:_MAX_ERRORS_LENGTH] or f"{program} failed"
        )
    return printed.decode(errors="replace")
