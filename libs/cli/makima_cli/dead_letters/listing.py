"""`makima dead-letters list`: what could not be processed, newest first."""

from datetime import UTC, datetime

import click

from makima_cli import render
from makima_cli.durations import age
from makima_cli.pages import Listed, beginning
from makima_cli.printed_list import print_list, say_rest
from makima_cli.render import Row
from makima_cli.session import Session, with_session
from makima_cli.watching import WATCH, print_once_or_watch


@click.command("list")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="At most so many, the newest.",
)
@WATCH
@with_session("table", "json", "compact")
def list_letters(session: Session, *, limit: int, watch: bool) -> None:
    """List what could not be processed, newest first; they are kept for 30 days. Nothing is changed."""
    print_once_or_watch(
        session,
        lambda http: beginning(http, "/dead-letters", limit=limit),
        lambda letters: _print(session, letters),
        watch=watch,
    )


def retry_for(letter: Row) -> str:
    """For how long it can still be sent again; `-` if that would not help."""
    until = letter["retry_until"]
    if not until:
        return "-"
    left = (datetime.fromisoformat(str(until)) - datetime.now(UTC)).total_seconds()
    return age(left) if left > 0 else "-"


def _print(session: Session, listed: Listed) -> None:
    say_rest(listed)
    columns = ("id", "came", "sender", "reason", "consumer", "delivered", "retry")
    optional = ("delivered", "consumer", "retry")
    print_list(session, listed.items, columns, _cells, _line, elastic="reason", optional=optional)


def _line(letter: Row) -> str:
    return f"{letter['id']} {letter['sender'] or letter['subject']} {letter['reason']}"


def _cells(letter: Row) -> tuple[str, ...]:
    return (
        render.plain(letter["id"]),
        f"{render.ago(letter['first_at'])} ago",
        render.plain(letter["sender"] or letter["subject"]),
        render.plain(letter["reason"]),
        render.plain(letter["consumer"]),
        render.plain(letter.get("deliveries") or "-"),
        retry_for(letter),
    )
