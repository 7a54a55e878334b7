"""Contracts on a terminal: a table that fits a screen, colours only for people."""

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from rich.console import Console

UNCUT_TABLE_WIDTH: Final = 200  # where nobody looks, nothing needs to be cut
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
    """stdout; plain and wide where it is no terminal, plain where NO_COLOR asks for it."""
    from rich.console import Console  # noqa: PLC0415 - rich takes longer to import than many a command to run

    people = sys.stdout.isatty()
    return Console(
        width=None if people else UNCUT_TABLE_WIDTH,
        color_system="auto" if people and "NO_COLOR" not in os.environ else None,
        highlight=False,
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """An aligned table without borders: it reads well and cuts well."""
    from rich.table import Table  # noqa: PLC0415 - as above

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column.upper(), no_wrap=True, overflow="ellipsis")
    for row in rows:
        drawn.add_row(*row)
    console().print(drawn)


def status(contract: Row) -> str:
    """The status, coloured, with what it waits for and whether it is stale."""
    name = str(contract["status"])
    marks = [str(mark) for mark in (contract.get("waiting_for"), "stale" if contract.get("stale") else None) if mark]
    text = f"{name} ({', '.join(marks)})" if marks else name
    return f"[{COLOURS.get(name, 'default')}]{text}[/]"


def done(contract: Row) -> str:
    """Deliverables of the current phase, and tasks: `1/2 · 3/4`."""
    deliverables = [item for item in cast("Sequence[Row]", contract.get("deliverables", ())) if item["phase"] == contract["phase"]]
    tasks = cast("Mapping[str, int]", contract.get("tasks", {}))
    finished = sum(bool(item["completed"]) for item in deliverables)
    return f"{finished}/{len(deliverables)} · {tasks.get('completed', 0)}/{tasks.get('total', 0)}"


def ago(moment: object) -> str:
    """How long ago, in the largest unit that fits: `12s`, `4m`, `3h`, `9d`."""
    if not moment:
        return "-"
    seconds = max(0, int((datetime.now(UTC) - datetime.fromisoformat(str(moment))).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def plain(text: object) -> str:
    """A user's text, which rich must not read as markup."""
    from rich.markup import escape  # noqa: PLC0415 - as above

    return escape(str(text))
