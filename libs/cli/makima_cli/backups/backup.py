"""`makima backup FILE`: writes the database of a system that `makima up` runs into one file."""

import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import click
import structlog
from makima_local.backup import LogState, dump
from makima_local.data_folder import DataFolder
from makima_local.postgres import Postgres

from makima_cli import exits
from makima_cli.backups.installation import conclude, found, with_installation, with_postgres
from makima_cli.readable import json_text, say

_logger = structlog.get_logger(__name__)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@with_installation
def backup(file: Path, *, overwrite: bool, data_dir: Path | None, context: str | None, output: str) -> None:
    """Write everything that makima knows into FILE: the log, the read models, the tokens.

    For the Postgres that `makima up` starts, whether it runs or not; nobody has to wait meanwhile, and FILE is of one
    moment. Only you can read it; it appears whole or not at all. `makima restore` puts it back.
    """
    as_json = output == "json"
    folder, target = found(data_dir, context), file.absolute()
    if not target.parent.is_dir():
        raise click.UsageError(f"{target.parent} is no folder: create it, or name another FILE")
    if not (folder.postgres / "PG_VERSION").is_file():
        detail = f"there is no database in {folder.path}: name another folder with --data-dir"
        exits.exit_with(exits.NOT_FOUND, "NOT_FOUND", detail, as_json=as_json)
    if target.exists() and not overwrite:
        detail = f"{target} exists: name another file, or say --overwrite"
        exits.exit_with(exits.REFUSED, "CONFLICT", detail, as_json=as_json)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")  # mode 600
    os.close(descriptor)
    beside = Path(name)
    try:
        state = conclude(_written(folder, beside), as_json=as_json)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    _logger.info("database.backed_up", file=str(target), **asdict(state))
    size = target.stat().st_size
    if as_json:
        say(json_text({"file": str(target), "bytes": size, **asdict(state)}))
    else:
        say(
            f"{target} holds {state.events} events, up to position {state.head} of epoch {state.epoch} ({size} bytes)"
        )


async def _written(folder: DataFolder, file: Path) -> LogState:
    if Postgres(folder.postgres).running():
        return await with_postgres(folder, lambda postgres: dump(postgres, file))
    with folder.held():  # no `makima up` starts while the server is this command's
        return await with_postgres(folder, lambda postgres: dump(postgres, file))
