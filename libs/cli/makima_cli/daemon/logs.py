"""`makima daemon logs`: what the daemon and its agents have written, the newest lines, and those that come."""

from collections.abc import Iterable
from pathlib import Path

import click
from makima_daemon.log_reader import Line, LogFollower, files, newest
from makima_daemon.workspace import Workspace, WorkspaceError
from makima_schemas.identity import is_id

from makima_cli.daemon.start import CONFIG, settings
from makima_cli.readable import say
from makima_cli.session import Session, echo_json, with_session

LINES = click.IntRange(min=0, max=1_000_000)


@click.command()
@click.option("--config", "path", type=CONFIG, required=True, help="Settings of the daemon, as for `start`.")
# Not `contract`, which would be looked up in makima where it is short: logs are of this machine alone.
@click.option("--contract", "ran_for", metavar="ID", help="Only of agents of this contract.")
@click.option("--role", help="Only of agents with this role.")
@click.option("--follow", is_flag=True, help="Go on with the lines that come, until Ctrl-C.")
@click.option("-n", "count", type=LINES, default=100, show_default=True, help="Newest lines of each log.")
@with_session("text", "json")
def logs(
    session: Session, *, path: Path, ran_for: str | None, role: str | None, follow: bool, count: int
) -> None:
    """Print what the daemon and its agents have written. With JSON, one object per line."""
    for name, value in (("--contract", ran_for), ("--role", role)):
        if value is not None and not is_id(value):
            raise click.UsageError(f"{name} is an id: 1 to 64 letters, digits, hyphens and underscores")
    config = settings(path)
    try:
        workspace = Workspace.open(config.workspace, config.daemon_id)
    except WorkspaceError as error:
        raise click.UsageError(str(error)) from error
    follower = LogFollower(workspace, ran_for, role)
    _print(session, (line for log in files(workspace, ran_for, role) for line in newest(log, count)))
    if follow:
        session.conclude(_follow(session, follower))


async def _follow(session: Session, follower: LogFollower) -> None:
    async for line in follower.lines():
        _print(session, (line,))


def _print(session: Session, lines: Iterable[Line]) -> None:
    for line in lines:
        log = line.log
        if session.as_json:
            echo_json({"contract_id": log.contract_id, "role": log.role, "line": line.text})
        else:
            say(f"{'daemon' if log.role is None else f'{log.contract_id}/{log.role}'} | {line.text}")
