"""The `makima up` command: its options, signal handling, and error messages of one line."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import click
from makima_kernel.installed_services import BrokenServiceError
from makima_local.account import UnreachableError
from makima_local.data_folder import ROOTS_DEFAULT, DataFolder, InUseError, UnusableError, close
from makima_local.embedded import ServerFailedError
from makima_local.ports import PortTakenError
from makima_local.private_files import NotOursError
from makima_local.processes import NotReadyError
from makima_schemas.addresses import SecretFileError

from makima_cli.format_option import with_format
from makima_cli.up.options import Options, check_host, setting
from makima_cli.up.system import NotPreparedError, serve

PORT = click.IntRange(0, 65_535)
KNOWN = (
    UnusableError,
    NotOursError,
    UnreachableError,
    InUseError,
    PortTakenError,
    NotReadyError,
    NotPreparedError,
    ServerFailedError,
    BrokenServiceError,
)


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Folder for all data.  [default: ~/.local/share/makima/dev; as root {ROOTS_DEFAULT}]",
)
@click.option("--ephemeral", is_flag=True, help="Use a temporary data folder that is deleted at the end.")
@click.option(
    "--port",
    type=PORT,
    default=lambda: setting("port") or 8420,
    show_default="8420",
    help="Port of the HTTP API; 0: any free port.",
)
@click.option(
    "--nats-port",
    type=PORT,
    default=4222,
    show_default=True,
    help="Port of the embedded NATS; 0: any free port.",
)
@click.option("--demo/--no-demo", default=False, help="Also run a demo fleet of daemons and agents.")
@click.option(
    "--open/--no-open", "open_browser", default=False, help="Open the web page in a browser, signed in."
)
@click.option("--json", "as_json", is_flag=True, help="The same as `--format json`.")
@with_format("text", "json")
def up(
    *,
    data_dir: Path | None,
    ephemeral: bool,
    port: int,
    nats_port: int,
    demo: bool,
    open_browser: bool,
    as_json: bool,
    output: str,
) -> None:
    """Start the whole system on this machine, until Ctrl-C. With JSON, one line when everything is ready.

    To use existing Postgres or NATS servers, set MAKIMA_DATABASE_URL or MAKIMA_NATS_URL.
    """
    if ephemeral and data_dir:
        raise click.UsageError("--ephemeral uses a temporary data folder: leave out --data-dir")
    check_host()
    with _folder(data_dir, ephemeral=ephemeral) as folder:
        try:
            elsewhere = [cast("str | None", setting(name)) for name in ("database_url", "nats_url")]
        except SecretFileError as error:
            raise click.UsageError(str(error)) from error
        wanted = (ephemeral, port, nats_port, demo, open_browser, as_json or output == "json")
        options = Options(folder.path, *wanted, *elsewhere)
        try:
            folder.prepare()
            with folder.held():
                asyncio.run(_until_stopped(options, folder))
        except (*KNOWN, BaseExceptionGroup) as error:
            raise _explained(error) from error


def _explained(error: BaseException) -> BaseException:
    """A click error with a message of one line, if every error in the group is in `KNOWN`; else the error
    itself.
    """
    found = _leaves(error)
    if all(isinstance(leaf, KNOWN) for leaf in found):
        return click.ClickException("; ".join(str(leaf) for leaf in found))
    return error


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    inner = cast("tuple[BaseException, ...]", error.exceptions)  # pyright: ignore[reportUnknownMemberType] - the check leaves its type open
    return [leaf for one in inner for leaf in _leaves(one)]


@contextmanager
def _folder(data_dir: Path | None, *, ephemeral: bool) -> Generator[DataFolder]:
    if not ephemeral:
        try:
            chosen = _unlinked(data_dir) if data_dir else DataFolder.default().path
        except (UnusableError, RuntimeError) as error:  # no home folder; a loop of links
            raise click.ClickException(str(error)) from error
        yield DataFolder(chosen)
        return
    temporary = Path(tempfile.mkdtemp(prefix="makima-", dir="/tmp"))
    close(temporary)
    try:
        yield DataFolder(temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _unlinked(data_dir: Path) -> Path:
    """The absolute path. Links that lead to the folder are resolved; one in its place stays, to be refused."""
    path = Path(os.path.abspath(data_dir.expanduser()))  # noqa: PTH100 - Path.resolve would follow the link
    return path.parent.resolve() / path.name


async def _until_stopped(options: Options, folder: DataFolder) -> None:
    """Run the system until SIGINT (Ctrl-C), SIGTERM or SIGHUP (closed terminal). The first signal cancels the
    task, which then drains and stops everything; a second one cancels the draining.
    """
    serving = asyncio.ensure_future(serve(options, folder, click.echo))
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(name, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving
