"""`makima agents`: lists the agents of all contracts."""

import click

from makima_cli.main import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("makima_cli.agents.listing:list_agents", "List agents, with filters."),
}


@click.command(cls=LazyGroup, table=COMMANDS)
def agents() -> None:
    """List the agents of all contracts, with their states."""
