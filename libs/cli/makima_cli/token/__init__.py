"""`makima token`: creates, lists and revokes access tokens."""

import click

from makima_cli.main import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "create": ("makima_cli.token.create:create", "A new token, shown once."),
    "list": ("makima_cli.token.listing:list_tokens", "All tokens, without their secrets."),
    "revoke": ("makima_cli.token.revoke:revoke", "From now on it opens nothing."),
}


@click.command(cls=LazyGroup, table=COMMANDS)
def token() -> None:
    """Make, list and revoke tokens; for administrators."""
