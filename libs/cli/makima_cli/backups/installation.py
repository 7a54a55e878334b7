"""Which installation on this machine is backed up or restored, and what keeps it from being so."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import asyncpg
import click
import structlog
from makima_local import context as contexts
from makima_local.account import UnreachableError
from makima_local.backup import BackupFailedError, NotEmptyError, StillUsedError
from makima_local.data_folder import DataFolder, InUseError, UnusableError
from makima_local.embedded import ServerFailedError
from makima_local.postgres import DATABASE, Postgres
from makima_local.private_files import NotOursError
from makima_schemas.addresses import SecretFileError

from makima_cli import exits
from makima_cli.format_option import with_format
from makima_cli.up.options import setting

R = TypeVar("R")
Command = Callable[..., None]

INSTEAD: Final = (
    "use its own tools, `pg_dump --format=custom --no-owner --no-privileges` and `pg_restore --no-owner "
    "--no-privileges`, and `makima ledger new-epoch` after a restore"
)
REFUSALS: Final = (InUseError, NotEmptyError, StillUsedError)
CURES: Final[Mapping[type[Exception], str]] = {
    NotEmptyError: "its events would be lost. Back it up, and say --replace",
    StillUsedError: "end them first",
}
FAILURES: Final = (
    BackupFailedError,
    NotOursError,
    ServerFailedError,
    UnreachableError,
    UnusableError,
    asyncpg.PostgresError,
    OSError,
)


def with_installation(command: Command) -> Command:
    """Decorator that adds `--data-dir`, `--context` and `--format`: see `found`."""
    chosen = with_format("text", "json")(command)
    chosen = click.option(
        "--context", metavar="NAME", help="Name of the connection in contexts.toml whose data folder to use."
    )(chosen)
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="The data folder.  [default: that of the context, else that of `makima up`]",
    )(chosen)


def found(data_dir: Path | None, context: str | None) -> DataFolder:
    """The data folder that is named, or that of the context, or of `makima up`.

    Raises `UsageError` where its database is none that makima runs, which names what to use instead.
    """
    try:
        if setting("database_url"):
            raise click.UsageError(
                f"MAKIMA_DATABASE_URL names a Postgres that makima does not run: {INSTEAD}"
            )
        if data_dir is not None:
            path = Path(os.path.abspath(data_dir.expanduser()))  # noqa: PTH100 - a link in its place is refused later
            return DataFolder(path.parent.resolve() / path.name)
        return _of_context(context or os.environ.get("MAKIMA_CONTEXT"))
    except (SecretFileError, UnusableError, ValueError) as error:
        raise click.UsageError(str(error)) from error


def _of_context(name: str | None) -> DataFolder:
    known = contexts.load()
    chosen = known.by_name.get(name or known.current or "")
    if chosen is None:
        if name is not None:
            raise click.UsageError(f"there is no context {name}: `makima context ls` lists them")
        return DataFolder.default()
    if chosen.data_dir is None:
        raise click.UsageError(
            f"context {chosen.name} is no system of `makima up` on this machine: log in where its Postgres runs and {INSTEAD}"
        )
    folder = DataFolder(Path(chosen.data_dir))
    if chosen.database_url not in {None, Postgres(folder.postgres).dsn(DATABASE)}:
        raise click.UsageError(f"the Postgres of context {chosen.name} is none that makima runs: {INSTEAD}")
    return folder


def conclude(work: Coroutine[object, object, R], *, as_json: bool) -> R:
    """Run `work` to its end. What is refused, or fails, ends the process with one line and its exit code."""
    if not structlog.is_configured():  # logs go to stderr: stdout may be parsed as JSON
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        return asyncio.run(work)
    except REFUSALS as error:
        refuse(error, as_json=as_json)
    except FAILURES as error:
        exits.exit_with(exits.FAILED, "BACKUP_FAILED", str(error) or type(error).__name__, as_json=as_json)
    except KeyboardInterrupt:
        sys.exit(exits.INTERRUPTED)


def refuse(error: Exception, *, as_json: bool) -> NoReturn:
    """What stands in the way, and what to do about it."""
    cure = CURES.get(type(error))
    exits.exit_with(exits.REFUSED, "CONFLICT", f"{error}: {cure}" if cure else str(error), as_json=as_json)


async def with_postgres(folder: DataFolder, work: Callable[[Postgres], Awaitable[R]]) -> R:
    """Run `work` with the folder's Postgres, which is started if it does not run, and stopped then."""
    postgres = Postgres(folder.postgres, tied=not Postgres(folder.postgres).running())
    was_running = await postgres.start()
    try:
        return await work(postgres)
    finally:
        if not was_running:
            await postgres.stop()
