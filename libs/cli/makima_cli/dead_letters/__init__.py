"""`makima dead-letters`: shows what could not be processed, sends it again, and deletes it."""

import click

from makima_cli.main import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("makima_cli.dead_letters.listing:list_letters", "List what could not be processed."),
    "show": ("makima_cli.dead_letters.show:show", "Show one, with the beginning of its payload."),
    "retry": ("makima_cli.dead_letters.handle:retry", "Send one again."),
    "delete": ("makima_cli.dead_letters.handle:delete", "Delete one; its message stays unprocessed."),
}


@click.command("dead-letters", cls=LazyGroup, table=COMMANDS)
def dead_letters() -> None:
    """Show what could not be processed, send it again, and delete it. Requires an administrator's token."""
