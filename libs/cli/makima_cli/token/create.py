"""`makima token create`: creates a token. Its secret is printed once and cannot be read again."""

from typing import Final

import click

from makima_cli.session import Session, echo_json, with_session

ROLES: Final = ("admin", "owner", "viewer", "daemon")


@click.command()
@click.option("--role", type=click.Choice(ROLES), required=True, help="What it may do.")
@click.option("--owner", metavar="NAME", help="Whose contracts it is for; needed by owners and viewers.")
@click.option("--daemon", "daemon_id", metavar="ID", help="Which daemon it is for; needed by daemons.")
@with_session("text", "json")
def create(session: Session, *, role: str, owner: str | None, daemon_id: str | None) -> None:
    """A new token. The secret goes to stdout, and is shown this once."""
    asked = {"role": role, "owner": owner, "daemon_id": daemon_id}
    made = session.send("POST", "/tokens", {name: value for name, value in asked.items() if value is not None})
    if session.as_json:
        echo_json(made)
        return
    click.echo(made["token"])
    click.echo(f"id {made['id']}; keep the token, it is not shown again (MAKIMA_TOKEN, or a context's `token`)", err=True)
