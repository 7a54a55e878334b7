"""`makima dead-letters retry` and `delete`: each settles one message that could not be processed."""

import click
from makima_sdk.paths import path

from makima_cli.readable import say
from makima_cli.session import Session, echo_json, with_session


@click.command()
@click.argument("letter_id", metavar="ID")
@with_session("text", "json")
def retry(session: Session, letter_id: str) -> None:
    """Send a heartbeat again as it came; what still cannot be processed becomes another letter. Exit code 5 for what a
    retry does not mend: an event, and a heartbeat older than the timeout of its sender.
    """
    sent = session.send("POST", path("dead-letters", letter_id, "retry"))
    if session.as_json:
        echo_json({"id": letter_id, **sent})
    else:
        say(f"{letter_id} was sent again: {sent['stream']} {sent['sequence']}")


@click.command()
@click.argument("letter_id", metavar="ID")
@with_session("text", "json")
def delete(session: Session, letter_id: str) -> None:
    """Delete it. Nothing else is changed by that: its message was not processed, and is not."""
    session.send("DELETE", path("dead-letters", letter_id))
    if session.as_json:
        echo_json({"id": letter_id, "deleted": True})
    else:
        say(f"{letter_id} is deleted")
