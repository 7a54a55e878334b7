"""`makima daemon`: run agents on this machine, and read what they print."""

import click

from makima_cli.main import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "start": ("makima_cli.daemon.start:start", "Run the agents that makima asks for, until Ctrl-C."),
    "logs": ("makima_cli.daemon.logs:logs", "Print what the daemon and its agents have written."),
}


@click.command(cls=LazyGroup, table=COMMANDS)
def daemon() -> None:
    """Run agents on this machine, and read what they print."""
