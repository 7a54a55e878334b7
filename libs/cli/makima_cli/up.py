"""`makima up`: the whole system on this machine, until Ctrl-C."""

import click


@click.command()
def up() -> None:
    """Start the whole system on this machine, until Ctrl-C."""
    raise click.ClickException("not built yet")
