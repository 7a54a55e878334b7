"""Prints contracts as tables and text; fits the width and uses colours only on a terminal."""

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from rich.console import Console

UNCUT_TABLE_WIDTH: Final = 200  # characters; for output that is no terminal, so that no column is cut
COLOURS: Final = {
    "created": "dim",
    "active": "green",
    "waiting_for_input": "bold yellow",
    "paused": "blue",
    "blocked": "bold red",
    "completing": "cyan",
    "completed": "bold cyan",
    "failed": "red",
    "archived": "dim",
}

Row = Mapping[str, object]


def console() -> "Console":
    """A console on stdout: without colours if stdout is no terminal or NO_COLOR is set; wide if it is no
    terminal.
    """
    from rich.console import Console  # noqa: PLC0415 - importing rich takes longer than many commands

    people = sys.stdout.isatty()
    return Console(
        width=None if people else UNCUT_TABLE_WIDTH,
        color_system="auto" if people and "NO_COLOR" not in os.environ else None,
        highlight=False,
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print an aligned table without borders, which is also easy to process with `cut` or `awk`."""
    from rich.table import Table  # noqa: PLC0415 - as above

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column.upper(), no_wrap=True, overflow="ellipsis")
    for row in rows:
        drawn.add_row(*row)
    console().print(drawn)


def status(contract: Row) -> str:
    """The status as rich markup, followed by `waiting_for` and `stale`, if set, in parentheses."""
    name = str(contract["status"])
    marks = [
        str(mark)
        for mark in (contract.get("waiting_for"), "stale" if contract.get("stale") else None)
        if mark
    ]
    text = f"{name} ({', '.join(marks)})" if marks else name
    return f"[{COLOURS.get(name, 'default')}]{text}[/]"


def done(contract: Row) -> str:
    """Completed of all: the deliverables of the current phase, then the tasks, as `1/2 · 3/4`."""
    deliverables = [
        item
        for item in cast("Sequence[Row]", contract.get("deliverables", ()))
        if item["phase"] == contract["phase"]
    ]
    tasks = cast("Mapping[str, int]", contract.get("tasks", {}))
    finished = sum(bool(item["completed"]) for item in deliverables)
    return f"{finished}/{len(deliverables)} · {tasks.get('completed', 0)}/{tasks.get('total', 0)}"


def ago(moment: object) -> str:
    """The age of a timestamp (RFC 3339), rounded down to one unit: `12s`, `4m`, `3h`, `9d`; `-` if it is
    empty.
    """
    if not moment:
        return "-"
    seconds = max(0, int((datetime.now(UTC) - datetime.fromisoformat(str(moment))).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def plain(text: object) -> str:
    """Escape a user's text, so that rich does not interpret it as markup."""
    from rich.markup import escape  # noqa: PLC0415 - as above

    return escape(str(text))
