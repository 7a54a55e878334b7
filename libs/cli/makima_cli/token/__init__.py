"""`makima token`: creates, lists and revokes access tokens."""

import click

from makima_cli.main import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "create": ("makima_cli.token.create:create", "Create a token; it is shown once."),
    "list": ("makima_cli.token.listing:list_tokens", "List all tokens, without their secrets."),
    "revoke": ("makima_cli.token.revoke:revoke", "Revoke a token, effective at once."),
}


@click.command(cls=LazyGroup, table=COMMANDS)
def token() -> None:
    """Create, list and revoke access tokens. Requires an administrator's token."""
