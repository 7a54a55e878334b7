"""`makima token create`: creates a token. Its secret is printed once and cannot be read again."""

from typing import Final

import click

from makima_cli.session import Session, echo_json, with_session

ROLES: Final = ("admin", "owner", "viewer", "daemon")


@click.command()
@click.option("--role", type=click.Choice(ROLES), required=True, help="Permissions of the token.")
@click.option(
    "--owner",
    metavar="NAME",
    help="Owner of the contracts that it gives access to; required for owner and viewer.",
)
@click.option(
    "--daemon", "daemon_id", metavar="ID", help="The daemon that uses it; required for role daemon."
)
@click.option(
    "--expires-at",
    metavar="TIME",
    help="When it ends, e.g. 2030-01-31T00:00:00Z. Default: after 90 days; an administrator's never.",
)
@with_session("text", "json")
def create(
    session: Session, *, role: str, owner: str | None, daemon_id: str | None, expires_at: str | None
) -> None:
    """Create a token. It is printed on stdout, this one time only."""
    body = {"role": role, "owner": owner, "daemon_id": daemon_id, "expires_at": expires_at}
    made = session.send("POST", "/tokens", {name: value for name, value in body.items() if value is not None})
    if session.as_json:
        echo_json(made)
        return
    click.echo(made["token"])
    click.echo(
        f"id {made['id']}; store the token, it is not shown again (use: MAKIMA_TOKEN, or `token` in a context)",
        err=True,
    )
