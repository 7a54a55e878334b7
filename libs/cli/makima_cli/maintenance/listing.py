"""`makima maintenance list`: the windows that are open, and those that are planned."""

from collections.abc import Sequence
from typing import cast

import click
from makima_sdk.http import Http, Json

from makima_cli import render
from makima_cli.printed_list import print_list
from makima_cli.render import Row
from makima_cli.session import Session, with_session
from makima_cli.watching import WATCH, print_once_or_watch


@click.command("list")
@WATCH
@with_session("table", "json", "compact")
def list_windows(session: Session, *, watch: bool) -> None:
    """List the windows that are open, oldest first, then those that are planned. Nothing is changed."""
    print_once_or_watch(session, _windows, lambda windows: _print(session, windows), watch=watch)


async def _windows(http: Http) -> list[Json]:
    return list(cast("Sequence[Json]", (await http.send("GET", "/maintenance")).body["items"]))


def _print(session: Session, windows: Sequence[Row]) -> None:
    columns = ("scope", "begins", "until", "by", "reason")
    print_list(session, windows, columns, _cells, _line, elastic="reason", optional=("by", "begins"))


def _line(window: Row) -> str:
    begins = f"from {window['started_at']} " if window.get("planned") else ""
    return f"{window['scope']} {begins}{window['until']} {window['reason']}"


def _cells(window: Row) -> tuple[str, ...]:
    return (
        render.plain(window["scope"]),
        _began(window),
        render.plain(window["until"]),
        render.plain(window["started_by"]),
        render.plain(window["reason"]),
    )


def _began(window: Row) -> str:
    if window.get("planned"):
        return render.plain(window["started_at"])
    return f"{render.ago(window['started_at'])} ago"
