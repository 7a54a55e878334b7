"""The command `makima hook` as click shows it. The console script runs it without click: see `entry`."""

import click

from makima_cli.format_option import with_format
from makima_cli.hook.send import hand_over
from makima_cli.main import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "install": ("makima_cli.hook.install:install", "Put it into a coding agent's settings, or take it out."),
}


@click.command(cls=LazyGroup, table=COMMANDS, invoke_without_command=True)
@with_format("text", "json")
@click.pass_context
def hook(ctx: click.Context, *, output: str) -> None:
    """Tell the daemon of this machine what a coding agent does: reads the JSON of one hook event from stdin.

    Always exits with 0, prints nothing, and takes a tenth of a second at most. Needs MAKIMA_DAEMON_SOCKET,
    MAKIMA_CONTRACT and MAKIMA_ROLE, which the daemon sets for the agents that it runs; without them it does nothing.
    With `--format json`, an empty object, by which a hook says nothing.
    """
    if ctx.invoked_subcommand is None:
        hand_over()
        if output == "json":
            click.echo("{}")
