"""`makima ledger`: verifies the event log, rebuilds read models, and starts a new epoch after a restore."""

import click

from makima_cli.main import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "verify": (
        "makima_cli.ledger.verify:verify",
        "Check the log for gaps, and that the broker's stream belongs to it.",
    ),
    "rebuild": (
        "makima_cli.ledger.rebuild:rebuild",
        "Rebuild a read model from the log, without interrupting readers.",
    ),
    "new-epoch": (
        "makima_cli.ledger.new_epoch:new_epoch",
        "Start a new epoch of the log, after the database was restored.",
    ),
}


@click.command(cls=LazyGroup, table=COMMANDS)
def ledger() -> None:
    """Verify the event log, rebuild read models, or start a new epoch."""
