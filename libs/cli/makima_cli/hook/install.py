"""`makima hook install`: puts `makima hook` into a coding agent's settings file, and takes it out again."""

import difflib
import hashlib
import os
import shlex
import shutil
import stat
import sys
from pathlib import Path
from typing import Final, NoReturn

import click
import orjson
from makima_daemon import private_files
from makima_schemas.addresses import contexts_file

from makima_cli import exits
from makima_cli.asking import require_terminal
from makima_cli.format_option import with_format
from makima_cli.hook.settings_file import UnfitSettingsError, installed, removed
from makima_cli.readable import say
from makima_cli.session import echo_json

MAX_SETTINGS_BYTES: Final = 4 * 1024 * 1024
NEW_FILE_MODE: Final = 0o600  # settings may hold secrets


@click.command()
@click.option(
    "--file",
    "settings",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path(".claude/settings.json"),
    show_default=True,
    help="The settings file; ~/.claude/settings.json is for all projects.",
)
@click.option("--print", "only_print", is_flag=True, help="Print the changed file instead of writing it.")
@click.option("--remove", is_flag=True, help="Take out what was put in.")
@click.option("--yes", is_flag=True, help="Write without a question.")
@with_format("text", "json")
def install(settings: Path, *, only_print: bool, remove: bool, yes: bool, output: str) -> None:
    """Have a coding agent run `makima hook` at each step of its sessions: shows the change, asks, writes it."""
    as_json = output == "json"
    file = settings.expanduser().resolve()  # a link stays one
    before = _text(file, as_json=as_json)
    try:
        after = _taken_out(file, before) if remove else installed(before or "", _command())
    except UnfitSettingsError as error:
        _refused(f"{settings} cannot be changed: {error}; mend it, or change it by hand", as_json=as_json)
    if only_print:
        click.echo(after, nl=False)
        return
    diff = "".join(_diff(settings, before or "", after))
    if diff and not (yes and as_json):  # where it is a member of the answer
        for line in diff.splitlines():
            say(line, err=True)
    if diff and not yes:
        _ask(settings)
    if diff:
        _write(file, before, after, as_json=as_json)
        _keep(file, before, after, remove=remove)
    if as_json:
        echo_json({"file": str(file), "changed": bool(diff), "diff": diff})
    elif diff:
        say(
            f"{settings}: `makima hook` {'taken out' if remove else 'put in; sessions that start now use it'}"
        )
    else:
        say(f"{settings}: nothing to change")


def _command() -> str:
    """This `makima` by its full path: the agent may run with another PATH."""
    here = Path(sys.argv[0])
    found = str(here.absolute()) if here.name in {"makima", "makima-server"} else shutil.which("makima")
    return shlex.join([found or "makima", "hook"])


def _text(file: Path, *, as_json: bool) -> str | None:
    """None if there is no such file."""
    try:
        if file.stat().st_size > MAX_SETTINGS_BYTES:
            _refused(f"{file} is larger than {MAX_SETTINGS_BYTES} bytes", as_json=as_json)
        return file.read_bytes().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        _refused(f"{file} is not UTF-8", as_json=as_json)


def _diff(settings: Path, before: str, after: str) -> list[str]:
    if before == after:
        return []
    lines = (before.splitlines(keepends=True), after.splitlines(keepends=True))
    return [
        line if line.endswith("\n") else f"{line}\n"
        for line in difflib.unified_diff(*lines, str(settings), str(settings))
    ]


def _ask(settings: Path) -> None:
    require_terminal("add --yes")
    if not click.confirm(f"Write {settings}?", err=True):
        sys.exit(exits.FAILED)


def _original(file: Path) -> Path:
    """Where the file as it was before is kept, so that it comes back to the byte."""
    name = hashlib.sha256(str(file).encode()).hexdigest()[:32]
    return contexts_file(os.environ).parent / "hooks" / f"{name}.json"


def _keep(file: Path, before: str | None, after: str, *, remove: bool) -> None:
    kept = _original(file)
    if remove:
        kept.unlink(missing_ok=True)
        return
    known, before_all = _kept(file)
    if known == before:
        before = before_all  # installed again: what counts was before both
    private_files.folder(kept.parent)
    private_files.replace(kept, orjson.dumps({"file": str(file), "before": before, "after": after}))


def _kept(file: Path) -> tuple[str | None, str | None]:
    """What was written there last, and what was there before; null twice if that is not known."""
    try:
        kept = orjson.loads(_original(file).read_bytes())
        return kept["after"], kept["before"]
    except (OSError, ValueError, KeyError, TypeError):
        return None, None


def _taken_out(file: Path, now: str | None) -> str:
    """As it was before if nobody changed it since; else without our entries."""
    written, before = _kept(file)
    if written == now:
        return before or ""
    return removed(now or "") if now else ""


def _write(file: Path, before: str | None, after: str, *, as_json: bool) -> None:
    if _text(file, as_json=as_json) != before:
        _refused(f"{file} was changed meanwhile: try again", as_json=as_json)
    if not after:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    mode = NEW_FILE_MODE if before is None else stat.S_IMODE(file.stat().st_mode)
    private_files.replace(file, after.encode())
    file.chmod(mode)


def _refused(detail: str, *, as_json: bool) -> NoReturn:
    exits.exit_with(exits.FAILED, "UNFIT_SETTINGS", detail, as_json=as_json)
