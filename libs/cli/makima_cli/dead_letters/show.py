"""`makima dead-letters show`: one message that could not be processed."""

import click
from makima_sdk.paths import path

from makima_cli import render
from makima_cli.dead_letters.listing import retry_for
from makima_cli.readable import say
from makima_cli.session import Session, echo_json, with_session


@click.command()
@click.argument("letter_id", metavar="ID")
@with_session("text", "json")
def show(session: Session, letter_id: str) -> None:
    """Show where it came from, why it was refused, and the beginning of its payload. Nothing is changed."""
    letter = session.send("GET", path("dead-letters", letter_id))
    if session.as_json:
        echo_json(letter)
        return
    left = retry_for(letter)
    for name, value in {
        "id": letter["id"],
        "came": f"{letter['first_at']} ({render.ago(letter['first_at'])} ago)",
        "sender": letter["sender"] or "unknown",
        "subject": letter["subject"],
        "from": f"{letter['stream']} {letter['sequence'] or '-'}",
        "consumer": letter["consumer"],
        "delivered": letter.get("deliveries") or "unknown",
        "reason": letter["reason"],
        "retry": "would not help" if left == "-" else f"possible for {left}",
        "payload": f"{letter['excerpt']}{' (cut)' if letter['truncated'] else ''}",
    }.items():
        say(f"{name:<10} {value}")
