"""`makima hook install`: puts `makima hook` into a coding agent's settings file, and takes it out again."""

import difflib
import hashlib
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Final, NoReturn

import click
import orjson
from makima_schemas.addresses import contexts_file

from makima_cli import exits
from makima_cli.hook.settings_file import UnfitSettingsError, installed, removed
from makima_cli.readable import say
from makima_cli.session import echo_json

MAX_SETTINGS_BYTES: Final = 4 * 1024 * 1024


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
@click.option(
    "--format",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="Output format.",
)
def install(settings: Path, *, only_print: bool, remove: bool, yes: bool, format: str) -> None:  # noqa: A002 — the option's name
    """Have a coding agent run `makima hook` at each step of its sessions: shows the change, asks, writes it."""
    as_json = format == "json"
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
    if diff and not yes:
        _ask(diff, settings, as_json=as_json)
    if diff:
        _keep(file, before, after, remove=remove)
        _write(file, before, after, as_json=as_json)
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


def _ask(diff: str, settings: Path, *, as_json: bool) -> None:
    for line in diff.splitlines():
        say(line, err=True)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        exits.exit_with(exits.USAGE, "USAGE", "no terminal to ask at: add --yes", as_json=as_json)
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
    if kept.exists() and orjson.loads(kept.read_bytes()).get("after") == before:
        before = orjson.loads(kept.read_bytes()).get("before")  # installed again: what counts was before both
    kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept.write_bytes(orjson.dumps({"file": str(file), "before": before, "after": after}))
    kept.chmod(0o600)


def _taken_out(file: Path, now: str | None) -> str:
    """As it was before if nobody changed it since; else without our entries."""
    try:
        kept = orjson.loads(_original(file).read_bytes())
        if kept["after"] == now:
            return str(kept["before"] or "")
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return removed(now or "") if now else ""


def _write(file: Path, before: str | None, after: str, *, as_json: bool) -> None:
    if _text(file, as_json=as_json) != before:
        _refused(f"{file} was changed meanwhile: try again", as_json=as_json)
    if not after:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    new.write_bytes(after.encode())
    if before is not None:
        shutil.copymode(file, new)
    new.replace(file)


def _refused(detail: str, *, as_json: bool) -> NoReturn:
    exits.exit_with(exits.FAILED, "UNFIT_SETTINGS", detail, as_json=as_json)
