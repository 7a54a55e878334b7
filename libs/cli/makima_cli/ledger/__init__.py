"""`makima ledger`: verifies the event log, rebuilds read models, and starts a new epoch after a restore."""

import click

from makima_cli.main import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "verify": ("makima_cli.ledger.verify:verify", "Is the log whole, and the broker's stream its own?"),
    "rebuild": ("makima_cli.ledger.rebuild:rebuild", "A read model made anew from the log, while everybody goes on reading."),
    "new-epoch": ("makima_cli.ledger.new_epoch:new_epoch", "A new identity, after the database was restored on purpose."),
}


@click.command(cls=LazyGroup, table=COMMANDS)
def ledger() -> None:
    """The log itself: check it, fold it anew, or give it a new identity."""
