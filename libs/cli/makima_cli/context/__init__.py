"""`makima context`: which makima systems this user can connect to, and which one is used by default."""

import click

from makima_cli.main import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "ls": ("makima_cli.context.listing:list_contexts", "List the contexts; the current one is marked."),
    "use": ("makima_cli.context.change:use", "Make a context the current one."),
    "add": ("makima_cli.context.change:add", "Add a context: a name, an address and a token."),
}


@click.command(cls=LazyGroup, table=COMMANDS)
def context() -> None:
    """List, choose and add contexts: the makima systems of contexts.toml that commands connect to."""
