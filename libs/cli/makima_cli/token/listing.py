"""`makima token list`: all tokens, including revoked ones, oldest first."""

from collections.abc import Sequence
from typing import Final

import click

from makima_cli import render
from makima_cli.pages import every
from makima_cli.printed_list import print_list
from makima_cli.render import Row
from makima_cli.session import Session, with_session
from makima_cli.watching import WATCH, print_once_or_watch

OF_AGENTS: Final = frozenset({"agent"})  # roles of tokens that makima makes for its daemons


@click.command("list")
@WATCH
@with_session("table", "json", "compact")
def list_tokens(session: Session, *, watch: bool) -> None:
    """List all tokens without their secrets, which are not stored: those in force before the revoked ones, and those
    of people and daemons before those of agents; of each, the oldest first. Nothing is changed.
    """
    print_once_or_watch(
        session, lambda http: every(http, "/tokens"), lambda tokens: _print(session, tokens), watch=watch
    )


def _print(session: Session, tokens: Sequence[Row]) -> None:
    columns = ("id", "role", "owner", "daemon", "created", "by", "used", "expires", "revoked")
    optional = ("by", "created", "used", "revoked", "expires")
    print_list(
        session, sorted(tokens, key=place), columns, _cells, _line, elastic="daemon", optional=optional
    )


def place(token: Row) -> tuple[bool, bool]:
    """Where a token stands in the list; the order of the API holds among equals."""
    return bool(token.get("revoked_at")), token["role"] in OF_AGENTS


def _line(token: Row) -> str:
    return f"{token['id']} {token['role']} {token['owner'] or token['daemon_id'] or '-'}"


def _cells(token: Row) -> tuple[str, ...]:
    revoked, used, expires = (token.get(name) for name in ("revoked_at", "last_used_at", "expires_at"))
    texts = [render.plain(token[name] or "-") for name in ("id", "role", "owner", "daemon_id")]
    return (
        *texts,
        f"{render.ago(token['created_at'])} ago",
        render.plain(token["created_by"]),
        f"{render.ago(used)} ago" if used else "-",
        str(expires)[:10] if expires else "never",
        f"{render.ago(revoked)} ago" if revoked else "-",
    )
