"""The tables of measured figures, from what `make bench` wrote: one or two for each target in the README, all in docs/performance.md."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, cast

import orjson

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = ROOT / "tests" / "bench" / "results.json"
BEGIN: Final = "<!-- figures: written by `make docs` from tests/bench/results.json -->\n"
END: Final = "<!-- /figures -->"

Row = dict[str, object]


def pages() -> dict[Path, str]:
    """The text of each page that shows figures, with those of the last run between its two marks."""
    rows = cast("list[Row]", orjson.loads(RESULTS.read_bytes())["figures"]) if RESULTS.exists() else []
    shown = {ROOT / "README.md": _headlines(rows), ROOT / "docs" / "performance.md": rows}
    return {path: _between_marks(path.read_text(), table(of_it)) for path, of_it in shown.items()}


def _headlines(rows: Sequence[Row]) -> list[Row]:
    """Of each target the figures that miss it, or else the first that meets it."""
    judged = [row for row in rows if row["met"] is not None]
    missed = [row for row in judged if row["met"] is False]
    met = {row["target"]: row for row in reversed(judged)}
    for row in missed:
        met.pop(row["target"], None)
    return [*missed, *met.values()]


def _between_marks(text: str, figures: str) -> str:
    head, _, rest = text.partition(BEGIN)
    return head + BEGIN + figures + END + rest.partition(END)[2]


def table(rows: Sequence[Row]) -> str:
    if not rows:
        return "\nNot measured yet.\n\n"
    order = sorted(rows, key=lambda row: int(str(row["target"])[1:]))
    machines = list(dict.fromkeys(_machine(row) for row in order))
    named = (
        machines
        if len(machines) == 1
        else [f"({number}) {machine}" for number, machine in enumerate(machines, 1)]
    )
    lines = ["", f"Measured on {'; '.join(named)}; servers on the same machine, fsync on.", ""]
    lines += ["| | what | measured | beside it | target | |", "|---|---|---|---|---|---|"]
    return "\n".join([*lines, *(_row(row, machines) for row in order), "", ""])


def _row(row: Row, machines: list[str]) -> str:
    """Figures of different machines are told apart: only those of one run stand beside each other."""
    where = f" ({machines.index(_machine(row)) + 1})" if len(machines) > 1 else ""
    beside = (
        "" if row["baseline"] is None else f"{_number(row['baseline'])} {row['baseline_what'] or ''}".strip()
    )
    verdict = {True: "met", False: "**missed**", None: ""}[cast("bool | None", row["met"])]
    return f"| {row['target']}{where} | {row['what']} | {_number(row['value'])} {row['unit']} | {beside} | {row['wanted']} | {verdict} |"


def _machine(row: Row) -> str:
    machine = cast("Row", row["machine"])
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['ram_gib']} GiB, {machine['system']}"


def _number(value: object) -> str:
    number = float(cast("float", value))
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:,.2f}"
