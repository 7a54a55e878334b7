"""`python -m tests.bench [p1 p3 …]`: runs the benchmarks, prints one table beside their baselines, writes
tests/bench/results.json.

Each `pN_*.py` beside this file has an `async def measure(env: BenchEnv) -> list[Figure]`. Names select by
beginning: `p1` runs `p1_append`, not `p10_…`. Exit 1 if a target was missed.
"""

import argparse
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import cast

import orjson
import uvloop

from tests.bench.figure import BenchEnv, Figure, Machine, bench_env

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"

Measure = Callable[[BenchEnv], Awaitable[list[Figure]]]


def modules(selected: Sequence[str]) -> list[str]:
    """The names of the benchmarks to run, P1 before P10."""
    found = sorted(
        (file.stem for file in FOLDER.glob("p[0-9]*_*.py")),
        key=lambda name: (int(name[1:].partition("_")[0]), name),
    )
    unknown = [name for name in selected if not any(_selects(name, module) for module in found)]
    if unknown:
        raise SystemExit(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(found)}")
    return [module for module in found if not selected or any(_selects(name, module) for name in selected)]


def _selects(name: str, module: str) -> bool:
    return module == name or module.startswith(f"{name}_")


@dataclass(frozen=True, slots=True)
class Run:
    """What one benchmark measured, and the load average that it found: other work on the machine makes
    everything slower.
    """

    benchmark: str
    figures: tuple[Figure, ...]
    load: float


async def run(names: Sequence[str], minutes: float) -> list[Run]:
    runs: list[Run] = []
    for number, name in enumerate(names, 1):
        print(f"[{number}/{len(names)}] {name} …", end="", flush=True, file=sys.stderr)
        started, load = time.monotonic(), round(os.getloadavg()[0], 1)
        measure = cast("Measure", import_module(f"tests.bench.{name}").measure)
        async with bench_env(minutes) as env:
            runs.append(Run(name, tuple(await measure(env)), load))
        print(f" {time.monotonic() - started:.0f} s", flush=True, file=sys.stderr)
    return runs


def table(runs: Sequence[Run], machine: Machine) -> str:
    rows = [("", "what", "measured", "beside", "wanted", "")]
    for figure in (figure for one in runs for figure in one.figures):
        beside = (
            ""
            if figure.baseline is None
            else f"{_number(figure.baseline)} {figure.baseline_what or ''}".strip()
        )
        verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
        rows.append(
            (
                figure.target,
                figure.what,
                f"{_number(figure.value)} {figure.unit}",
                beside,
                figure.wanted,
                verdict,
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines.insert(1, "  ".join("─" * width for width in widths))
    busy = [
        f"{one.benchmark} began at load {one.load}: the machine had other work"
        for one in runs
        if one.load > machine.cores / 2
    ]
    return "\n".join(
        [
            f"{machine.cpu} · {machine.cores} cores · {machine.ram_gib} GiB · {machine.system}",
            *busy,
            "",
            *lines,
        ]
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"


def keep(runs: Sequence[Run], machine: Machine) -> None:
    """Figures of other benchmarks in the file stay, as they were: a run of one benchmark replaces its own."""
    kept: list[dict[str, object]] = orjson.loads(RESULTS.read_bytes())["figures"] if RESULTS.exists() else []
    now = datetime.now(UTC).isoformat(timespec="seconds")
    fresh: list[dict[str, object]] = [
        {
            **asdict(figure),
            "benchmark": one.benchmark,
            "machine": asdict(machine),
            "load": one.load,
            "at": now,
        }
        for one in runs
        for figure in one.figures
    ]
    again = {one.benchmark for one in runs}
    body = {"figures": [row for row in kept if row.get("benchmark") not in again] + fresh}
    RESULTS.write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="which ones (default: all)")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long p14 and p15 watch (default: 1)")
    asked = parser.parse_args()
    names = modules(cast("list[str]", asked.names))
    runs = uvloop.run(run(names, cast("float", asked.minutes)))
    machine = Machine.this()
    print(table(runs, machine))
    keep(runs, machine)
    sys.exit(1 if any(figure.met is False for one in runs for figure in one.figures) else 0)


if __name__ == "__main__":
    main()
