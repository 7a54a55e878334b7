"""Applies the migrations of one Postgres schema, forward or back; `python -m makima_kernel.event_log.migrate`
does it for the kernel and every installed service, and then gives each service its role (`roles`).

Each file is one transaction with the schema as its search path. The table `<schema>.migrations` records each
applied file with its checksum, because an applied file must never change.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

import asyncpg
from makima_schemas.addresses import SecretFileError, from_environment

from makima_kernel.event_log import migration_files, roles
from makima_kernel.event_log.logins import logins_in
from makima_kernel.event_log.migration_files import Key, MigrationError, Stage
from makima_kernel.event_log.roles import RolesError
from makima_kernel.installed_services import installed_services

KERNEL_FOLDER: Final = Path(__file__).parent / "migrations"
KERNEL_SCHEMA: Final = roles.LOG_SCHEMA

# While a migration waits for a lock, all later statements on that table queue behind it.
_LOCK_TIMEOUT: Final = "2s"
_MAX_LOCK_ATTEMPTS: Final = 15  # per file, when a needed lock is not available


async def migrate(
    dsn: str, folder: Path, schema: str, stages: Sequence[Stage] = ("pre", "post")
) -> list[str]:
    """Applies the missing migrations of `folder` to the Postgres schema `schema`;
    returns their titles in order.

    `stages` limits which files are applied. Safe to run repeatedly and by two processes at the same time.
    Raises `MigrationError` if an applied file has changed or is gone, or if a new file has a lower number
    than an applied one.
    """
    forward = migration_files.read(folder).forward
    async with _session(dsn, schema) as connection:
        applied = await _applied(connection)
        migration_files.verify(schema, forward, applied)
        missing = [file for file in forward if file.stage in stages and file.key not in applied]
        for file in missing:
            record = "insert into migrations (number, stage, name, checksum) values ($1, $2, $3, $4)"
            await _run(connection, file.sql, record, file.number, file.stage, file.name, file.checksum)
        return [file.title for file in missing]


async def rollback(dsn: str, folder: Path, schema: str, to: int) -> list[str]:
    """Rolls back every migration above number `to`, newest first, and returns their titles.

    Raises `MigrationError` for a migration without a rollback file.
    """
    rollbacks = migration_files.read(folder).rollbacks
    async with _session(dsn, schema) as connection:
        numbers = sorted({number for number, _ in await _applied(connection) if number > to}, reverse=True)
        for number in numbers:
            if number not in rollbacks:
                raise MigrationError(f"{schema}: {folder} has no rollback of migration {number:04}")
            forget = "delete from migrations where number = $1"
            await _run(connection, rollbacks[number].sql, forget, number)
        return [f"{number:04}_{rollbacks[number].name}.rollback" for number in numbers]


@asynccontextmanager
async def _session(dsn: str, schema: str) -> AsyncGenerator[asyncpg.Connection]:
    """A connection with this schema as search path that holds the schema's migration lock.

    A second process that migrates the same schema waits here, and then finds nothing left to apply.
    """
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "select pg_advisory_lock(hashtext('makima.migrations'), hashtext($1))", schema
        )
        await connection.execute(
            await connection.fetchval("select format('create schema if not exists %I', $1::text)", schema)
        )
        await connection.execute("select set_config('search_path', quote_ident($1), false)", schema)
        await connection.execute(
            "create table if not exists migrations (number int not null, stage text not null, name text not null,"
            " checksum bytea not null, applied_at timestamptz not null default clock_timestamp(), primary key (number, stage))"
        )
        yield connection
    finally:
        await connection.close()


async def _applied(connection: asyncpg.Connection) -> dict[Key, bytes]:
    """The checksum of each applied file."""
    rows = await connection.fetch("select number, stage, checksum from migrations")
    return {
        (cast("int", row["number"]), cast("Stage", row["stage"])): cast("bytes", row["checksum"])
        for row in rows
    }


async def _run(connection: asyncpg.Connection, sql: str, bookkeeping: str, *arguments: object) -> None:
    """Runs one file and its bookkeeping statement in one transaction.

    Retries while another session holds a lock that it needs.
    """
    for attempt in range(1, _MAX_LOCK_ATTEMPTS + 1):
        try:
            async with connection.transaction():
                await connection.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'")
                await connection.execute(sql)
                await connection.execute(bookkeeping, *arguments)
        except asyncpg.LockNotAvailableError:
            if attempt == _MAX_LOCK_ATTEMPTS:
                raise
            await asyncio.sleep(0.1 * attempt)
        else:
            return


def all_schemas() -> list[tuple[str, Path]]:
    """(schema, folder of migrations) of the kernel and of each installed service.

    The kernel comes first, because the tables of a service may refer to those of the log.
    """
    services = [
        (service.name, service.migrations)
        for service in installed_services()
        if service.migrations is not None
    ]
    return [(KERNEL_SCHEMA, KERNEL_FOLDER), *services]


async def _command(
    dsn: str, stage: Stage | None, back: tuple[str, int] | None, logins: Mapping[str, str] | None
) -> None:
    for schema, folder in all_schemas():
        match back:
            case None:
                done = await migrate(dsn, folder, schema, ("pre", "post") if stage is None else (stage,))
            case (name, to) if name == schema:
                done = await rollback(dsn, folder, schema, to)
            case _:
                continue
        sys.stdout.write("".join(f"{schema}: {title}\n" for title in done) or f"{schema}: nothing to do\n")
    if back is None:
        await _separate(dsn, logins)


async def _separate(dsn: str, logins: Mapping[str, str] | None) -> None:
    """Sets up the services' roles. Where we may not, all go on with one role, unless `logins` are wanted."""
    try:
        done = await roles.set_up(dsn, installed_services(), logins)
    except RolesError as error:
        if logins is not None:
            raise
        sys.stdout.write(f"roles: not set up, services use one role for all: {error}\n")
    else:
        able = f"; with a login: {', '.join(logins)}" if logins else ""
        sys.stdout.write(f"roles: {', '.join(done)}{able}\n")


def main() -> None:
    """The command line: `--stage pre|post` for a rolling deployment, `--rollback SCHEMA NUMBER` to undo migrations,
    `--logins FOLDER` to let the services' roles log in.
    """
    parser = argparse.ArgumentParser(prog="python -m makima_kernel.event_log.migrate", description=__doc__)
    parser.add_argument(
        "--stage",
        choices=("pre", "post"),
        help="only the files to run before, or after, the new code is started",
    )
    parser.add_argument(
        "--rollback",
        nargs=2,
        metavar=("SCHEMA", "NUMBER"),
        help="roll back this schema's migrations above NUMBER",
    )
    parser.add_argument(
        "--logins",
        type=Path,
        metavar="FOLDER",
        help="a folder with <service>/url for each service that shall log in with its own role: the address, "
        "with the user makima_<service> and a password, which the role gets",
    )
    arguments = parser.parse_args()
    try:
        dsn = from_environment(os.environ, "MAKIMA_DATABASE_URL")
        names = [service.name for service in installed_services()]
        logins = None if arguments.logins is None else logins_in(arguments.logins, names)
    except (SecretFileError, RolesError) as error:
        parser.error(str(error))
    if dsn is None:
        parser.error(
            "set MAKIMA_DATABASE_URL to the database, e.g. postgresql://makima@localhost/makima, "
            "or MAKIMA_DATABASE_URL_FILE to a file with it"
        )
    back = None if arguments.rollback is None else (str(arguments.rollback[0]), int(arguments.rollback[1]))
    try:
        asyncio.run(_command(dsn, arguments.stage, back, logins))
    except RolesError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
