"""Prints a list as `--format` wants it: a table, JSON, or a line for each."""

from collections.abc import Callable, Sequence

import click

from makima_cli import render
from makima_cli.pages import Listed
from makima_cli.readable import say
from makima_cli.render import Row
from makima_cli.session import Session, echo_json


def with_limit(of: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator that adds `-n`/`--limit`; `of`: what the list has."""
    return click.option(
        "-n",
        "--limit",
        type=click.IntRange(min=1),
        default=50,
        show_default=True,
        help=f"Maximum number of {of}.",
    )


def say_rest(listed: Listed) -> None:
    """Say on stderr what the limit leaves out, so that nobody takes the beginning for all."""
    if listed.rest:
        say(listed.rest, err=True, dim=True)


def print_list(
    session: Session,
    rows: Sequence[Row],
    columns: Sequence[str],
    cells: Callable[[Row], Sequence[str]],
    line: Callable[[Row], str],
    *,
    elastic: str,
    optional: Sequence[str] = (),
) -> None:
    """`cells` are those of the table; `line` is for `compact`. See `render.table` for `elastic` and `optional`."""
    if session.as_json:
        echo_json(rows)
    elif session.format == "compact":
        for row in rows:
            say(line(row))
    else:
        render.table(columns, [cells(row) for row in rows], elastic=elastic, optional=optional)
