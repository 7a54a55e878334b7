"""`makima daemon start`: the daemon in the foreground, until SIGTERM or Ctrl-C; then it drains."""

import asyncio
import signal
import sys
from dataclasses import asdict
from pathlib import Path

import click
from makima_daemon import app, event_log
from makima_daemon.app import NotItsTokenError, Ready
from makima_daemon.config import Config, ConfigError, load
from makima_daemon.workspace import Workspace, WorkspaceError
from makima_sdk.connection import Connection
from makima_sdk.problems import ProblemError, UnreachableError

from makima_cli import exits
from makima_cli.readable import say
from makima_cli.session import Session, echo_json, with_session

CONFIG = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--config",
    "path",
    type=CONFIG,
    required=True,
    help="Settings of the daemon, a TOML file (docs/operations.md).",
)
@with_session("text", "json")
def start(session: Session, *, path: Path) -> None:
    """Run the agents that makima asks for, until Ctrl-C or SIGTERM; then end them, and leave.

    The daemon's own token comes from MAKIMA_TOKEN, or from the context (`makima token create --role daemon`). With JSON,
    one line when it is ready. Log events go to stderr, and into the workspace.
    """
    config = settings(path)
    try:
        workspace = Workspace.open(config.workspace, config.daemon_id)
        event_log.configure(workspace.own_log)
        asyncio.run(_until_stopped(session, config, session.connection))
    except WorkspaceError as error:
        exits.exit_with(exits.REFUSED, "WORKSPACE_UNUSABLE", str(error), as_json=session.as_json)
    except NotItsTokenError as error:
        exits.exit_with(exits.FORBIDDEN, "FORBIDDEN", str(error), as_json=session.as_json)
    except (ProblemError, UnreachableError) as error:
        exits.exit_with_problem(error, as_json=session.as_json)
    except KeyboardInterrupt:
        sys.exit(exits.INTERRUPTED)


def settings(path: Path) -> Config:
    """Raises `UsageError` for what is wrong in the file."""
    try:
        return load(path)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error


async def _until_stopped(session: Session, config: Config, connection: Connection) -> None:
    stop = asyncio.Event()
    for what in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(what, stop.set)
    await app.run(config, connection, stop=stop, on_ready=lambda ready: show(session, ready))


def show(session: Session, ready: Ready) -> None:
    """Print that the daemon is ready, and where those find it that it does not start."""
    if session.as_json:
        echo_json(asdict(ready))
        return
    say(f"daemon {ready.daemon_id} is ready (pid {ready.pid}, workspace {ready.workspace})")
    say(f"  for agents that you start yourself: MAKIMA_DAEMON_SOCKET={ready.socket}")
    for name in ready.agents:
        say(f"  found again: {name}")
