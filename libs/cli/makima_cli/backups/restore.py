"""`makima restore FILE`: puts a backup in the place of the database, and starts a new epoch of its log."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import cast

import asyncpg
import click
import structlog
from makima_kernel.event_log.migration_files import MigrationError
from makima_kernel.nats.connection import BrokerUnreachableError, connect, ignore_close
from makima_kernel.relay.stream_identity import new_epoch
from makima_kernel.service.settings import Settings, SettingsError, load
from makima_local.backup import BackupFailedError, LogState, require_backup
from makima_local.backup import restore as put_back
from makima_local.data_folder import DataFolder
from makima_local.embedded import ServerFailedError
from makima_local.nats import Nats
from makima_local.nats_users import NatsUsers
from makima_local.postgres import DATABASE, Postgres
from makima_schemas import permissions
from nats.errors import Error as NatsError

from makima_cli import exits
from makima_cli.backups.installation import conclude, found, with_installation, with_postgres
from makima_cli.readable import json_text, say
from makima_cli.up.options import setting
from makima_cli.up.prepare import migrate_all

BROKER_FAULTS = (BrokerUnreachableError, NatsError, ServerFailedError, SettingsError, OSError)

_logger = structlog.get_logger(__name__)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Replace the database that is there. Its events are lost.")
@with_installation
def restore(file: Path, *, replace: bool, data_dir: Path | None, context: str | None, output: str) -> None:
    """Put what `makima backup` wrote into FILE in the place of the database. `makima up` must be stopped.

    What happened since the backup is lost, and tokens that were revoked since are valid again. It is restored beside the
    present database, which stays if that fails. Then the log gets a new epoch, as by `makima ledger new-epoch`:
    every consumer and monitor client begins anew at the next `makima up`.
    """
    as_json, folder = output == "json", found(data_dir, context)
    source = file.absolute()
    if not source.is_file():
        exits.exit_with(exits.NOT_FOUND, "NOT_FOUND", f"there is no file {source}", as_json=as_json)
    state, epoch = conclude(_restored(folder, source, replace=replace), as_json=as_json)
    if as_json:
        result = {"file": str(source), "data_dir": str(folder.path), **asdict(state), "epoch": epoch}
        say(json_text(result))
    else:
        say(
            f"{folder.path} holds {state.events} events, up to position {state.head}; the log's epoch is now {epoch}"
        )
        say(f"start it: makima up --data-dir {folder.path}")


async def _restored(folder: DataFolder, file: Path, *, replace: bool) -> tuple[LogState, str]:
    await require_backup(file)
    folder.prepare()

    async def work(postgres: Postgres) -> tuple[LogState, str]:
        try:
            state = await put_back(postgres, file, migrate_all, replace=replace)
        except MigrationError as error:
            raise BackupFailedError(
                f"{file} is of another version of makima, which must restore it: {error}"
            ) from error
        try:
            return state, await _renewed(folder, postgres)
        except BROKER_FAULTS as error:
            raise BackupFailedError(
                f"the database is restored, but its log has no new epoch, without which nothing is published ({error}): "
                "mend that, and restore again, with --replace"
            ) from error

    with folder.held():
        state, epoch = await with_postgres(folder, work)
    _logger.warning(
        "database.restored", file=str(file), data_dir=str(folder.path), epoch=epoch, head=state.head
    )
    return state, epoch


async def _renewed(folder: DataFolder, postgres: Postgres) -> str:
    """The new epoch, for which the broker must run: its stream of events is of another history."""
    database_url = postgres.dsn(DATABASE)
    async with _broker(folder) as nats_url:
        settings = load(Settings, database_url=database_url, nats_url=nats_url)
        nats = await connect(nats_url, "makima-restore", on_closed=ignore_close, timeout=5)
        try:
            async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
                renewed = await new_epoch(
                    pool, nats, budget=settings.stream_budget, replicas=settings.stream_replicas
                )
        finally:
            await nats.close()
    return str(renewed)


@asynccontextmanager
async def _broker(folder: DataFolder) -> AsyncGenerator[str]:
    """The broker's address: of an external one, or of the folder's, which runs until the block ends."""
    if external := cast("str | None", setting("nats_url")):
        yield external
        return
    nats = Nats(folder.nats, tied=True, users=NatsUsers(folder.nats))
    await nats.start()
    try:
        yield nats.url_of(permissions.ADMIN)
    finally:
        await nats.stop()
