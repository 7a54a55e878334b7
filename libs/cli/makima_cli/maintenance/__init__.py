"""`makima maintenance`: times in which silence is expected."""

import click

from makima_cli.main import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("makima_cli.maintenance.listing:list_windows", "List the windows that are open or planned."),
    "start": ("makima_cli.maintenance.start:start", "Expect silence of a scope for a while, now or later."),
    "end": ("makima_cli.maintenance.end:end", "End a window before its time, or call a planned one off."),
}


@click.command(cls=LazyGroup, table=COMMANDS)
def maintenance() -> None:
    """Windows of maintenance: while one is open, nobody in its scope is declared silent. Requires an administrator's
    token.
    """
