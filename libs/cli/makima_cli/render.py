"""Prints contracts as tables and text; fits the width and uses colours only on a terminal."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

from makima_cli.durations import age
from makima_cli.readable import coloured, readable

if TYPE_CHECKING:
    from rich.console import Console

UNCUT_WIDTH: Final = 10_000  # characters; for output that is no terminal, so that no line is broken
COLUMN_GAP: Final = 2  # characters between two columns
READABLE_WIDTH: Final = 8  # characters; a name cut shorter says little
# By the name of each status. Its enumeration is not imported: it brings pydantic, which is slow to load.
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
    """A console on stdout: without colours if stdout is no terminal, or they are not wanted; wide if it is no
    terminal. Its width is the terminal's also where that is dumb, which rich takes to be 80 columns wide.
    """
    from rich.console import Console  # noqa: PLC0415 - importing rich takes longer than many commands

    people, size = sys.stdout.isatty(), shutil.get_terminal_size()
    return Console(
        width=size.columns if people else UNCUT_WIDTH,
        height=size.lines,  # rich heeds the width of a dumb terminal only together with its height
        color_system="auto" if people and coloured() else None,
        highlight=False,
    )


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, elastic: str, optional: Sequence[str] = ()
) -> None:
    """Print an aligned table without borders, which is also easy to process with `cut` or `awk`.

    Cells are rich markup. Where the terminal is too narrow, first the `elastic` column is cut, then the
    `optional` ones are left out, in their order; the others are always printed whole.
    """
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    cells = [[Text.from_markup(cell) for cell in row] for row in rows]
    widths = {
        column: max(len(column), *(row[place].cell_len for row in cells)) if cells else len(column)
        for place, column in enumerate(columns)
    }
    out = console()
    room = out.width if sys.stdout.isatty() else sys.maxsize
    shown = shown_columns(widths, room, elastic, optional)
    rigid = sum(widths[column] + COLUMN_GAP for column in shown if column != elastic)
    widths[elastic] = min(widths[elastic], max(room - rigid, 1))
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in shown:
        drawn.add_column(column.upper(), no_wrap=True, overflow="ellipsis", width=widths[column])
    for row in cells:
        drawn.add_row(*(row[columns.index(column)] for column in shown))
    # Wider than the terminal if need be, which then breaks the line itself: what is rigid stays whole.
    out.width = sum(widths[column] + COLUMN_GAP for column in shown)
    out.print(drawn)


def shown_columns(
    widths: Mapping[str, int], room: int, elastic: str, optional: Sequence[str]
) -> Sequence[str]:
    """The columns that fit into `room` characters: without the first of `optional`, then the next, until there is
    room for a readable piece of `elastic`; in the end without `elastic` if not one character of it fits.
    """
    shown = list(widths)
    rigid = sum(width + COLUMN_GAP for column, width in widths.items() if column != elastic)
    for column in optional:
        if rigid + min(widths[elastic], READABLE_WIDTH) <= room:
            break
        shown.remove(column)
        rigid -= widths[column] + COLUMN_GAP
    if rigid >= room:
        shown.remove(elastic)
    return shown


def status(contract: Row) -> str:
    """The status as rich markup, followed by `waiting_for` and `stale`, if set, in parentheses."""
    name = str(contract["status"])
    marks = [
        str(mark)
        for mark in (contract.get("waiting_for"), "stale" if contract.get("stale") else None)
        if mark
    ]
    text = plain(f"{name} ({', '.join(marks)})" if marks else name)
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
    """The age of a timestamp (RFC 3339), as `age` says it; `-` if it is empty."""
    if not moment:
        return "-"
    return age((datetime.now(UTC) - datetime.fromisoformat(str(moment))).total_seconds())


def plain(text: object) -> str:
    """Escape a user's text, so that neither rich nor the terminal obeys it."""
    from rich.markup import escape  # noqa: PLC0415 - as above

    return escape(readable(text))
