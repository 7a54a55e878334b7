"""`makima maintenance list`: the windows that are open."""

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
    """List the windows that are open, oldest first. Nothing is changed."""
    print_once_or_watch(session, _windows, lambda windows: _print(session, windows), watch=watch)


async def _windows(http: Http) -> list[Json]:
    return list(cast("Sequence[Json]", (await http.send("GET", "/maintenance")).body["items"]))


def _print(session: Session, windows: Sequence[Row]) -> None:
    columns = ("scope", "began", "until", "by", "reason")
    print_list(session, windows, columns, _cells, _line, elastic="reason", optional=("by", "began"))


def _line(window: Row) -> str:
    return f"{window['scope']} {window['until']} {window['reason']}"


def _cells(window: Row) -> tuple[str, ...]:
    return (
        render.plain(window["scope"]),
        f"{render.ago(window['started_at'])} ago",
        render.plain(window["until"]),
        render.plain(window["started_by"]),
        render.plain(window["reason"]),
    )
