"""`makima token revoke`: makes a token invalid."""

import click
from makima_sdk.paths import path

from makima_cli.readable import say
from makima_cli.session import Session, echo_json, with_session


@click.command()
@click.argument("token_id", metavar="ID")
@with_session("text", "json")
def revoke(session: Session, token_id: str) -> None:
    """Revoke a token. Its next request is refused, and its open monitor connections are closed."""
    session.send("DELETE", path("tokens", token_id))
    if session.as_json:
        echo_json({"id": token_id, "revoked": True})
    else:
        say(f"{token_id} is revoked")
