"""`python -m tests.faults [r1 r2 …]`: does to the running system what must not harm it, and compares what is left
with the truth; one table, and tests/faults/results.json.

Each `r*_*.py` beside this file has an `async def show(place: Path) -> list[Comparison]`; `place` is a folder of
its own. Names select by beginning: `r1` runs `r1_killed_services`, not `r10_…`. Exit 1 if a comparison found a
difference or nothing to compare, or if a fault could not be shown at all.
"""

import argparse
import asyncio
import logging
import os
import re
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import cast

import orjson
import structlog

from tests.bench.figure import Machine
from tests.faults.comparison import SHOWN, Comparison
from tests.faults.skipped import SkippedError

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"

Show = Callable[[Path], Awaitable[list[Comparison]]]


@dataclass(frozen=True, slots=True)
class Run:
    """What one fault left. `failed`: why it could not be shown; `skipped`: why it was not tried here; `load`: the
    load average that it began at, as other work on the machine makes every recovery longer.
    """

    fault: str
    comparisons: tuple[Comparison, ...] = ()
    seconds: float = 0.0
    failed: str = ""
    skipped: str = ""
    load: float = 0.0

    @property
    def holds(self) -> bool:
        return not self.failed and all(each.holds for each in self.comparisons)


def modules(selected: Sequence[str]) -> list[str]:
    """The names of the faults to show: R1 before R10, the upgrade at the end."""
    found = sorted((file.stem for file in FOLDER.glob("r[0-9u]*_*.py")), key=_order)
    unknown = [name for name in selected if not any(_selects(name, module) for module in found)]
    if unknown:
        raise SystemExit(f"no fault is called {', '.join(unknown)}; there are {', '.join(found)}")
    return [module for module in found if not selected or any(_selects(name, module) for name in selected)]


def _order(name: str) -> tuple[float, str]:
    number = re.match(r"r(\d+)", name)
    return (float(number[1]) if number else float("inf"), name)


def _selects(name: str, module: str) -> bool:
    return module == name or module.startswith(f"{name}_")


async def run(names: Sequence[str], show_of: Callable[[str], Show]) -> list[Run]:
    runs: list[Run] = []
    for number, name in enumerate(names, 1):
        print(f"[{number}/{len(names)}] {name} …", flush=True, file=sys.stderr)
        runs.append(await shown(name, show_of(name)))
        print(f"    {runs[-1].seconds:.0f} s", flush=True, file=sys.stderr)
    return runs


async def shown(name: str, show: Show) -> Run:
    """Whatever goes wrong there is this fault's result: the others are shown all the same."""
    started, load = time.monotonic(), round(os.getloadavg()[0], 1)
    place = _folder()
    try:
        found, failed, skipped = tuple(await show(place)), "", ""
        keep = not all(each.holds for each in found)
    except SkippedError as error:
        found, failed, skipped, keep = (), "", str(error), False
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the outermost loop
        traceback.print_exception(error)
        found, failed, skipped, keep = (), f"{type(error).__name__}: {error}"[:500], "", True
    if keep:
        print(f"    its logs stay in {place}", file=sys.stderr)
    else:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
    return Run(name, found, time.monotonic() - started, failed, skipped, load)


def table(runs: Sequence[Run], machine: Machine) -> str:
    """One line for each comparison; differences stand under theirs."""
    lines = [f"{machine.cpu} · {machine.cores} cores · {machine.ram_gib} GiB · {machine.system}", ""]
    comparisons = [each for one in runs for each in one.comparisons]
    width = max((len(each.what) for each in comparisons), default=0)
    for one in runs:
        if one.failed:
            lines.append(f"{one.fault}  could not be shown: {one.failed}  FAILED")
        if one.skipped:
            lines.append(f"{one.fault}  skipped: {one.skipped}")
        if one.load > machine.cores / 2:
            lines.append(f"{one.fault}  began at load {one.load}: the machine had other work")
        for each in one.comparisons:
            verdict = "holds" if each.holds else "DIFFERS"
            lines.append(f"{each.fault:<4} {each.what:<{width}}  {each.said}  {verdict}")
            lines += [f"       {difference[:300]}" for difference in each.differences[:SHOWN]]
            if len(each.differences) > SHOWN:
                lines.append(f"       … and {len(each.differences) - SHOWN} more")
    return "\n".join(lines)


def keep(runs: Sequence[Run], machine: Machine, results: Path = RESULTS) -> None:
    """What other faults left stays in the file as it was: a run of one fault replaces its own."""
    kept: list[dict[str, object]] = orjson.loads(results.read_bytes())["faults"] if results.exists() else []
    now = datetime.now(UTC).isoformat(timespec="seconds")
    fresh: list[dict[str, object]] = [
        {**asdict(one), "holds": one.holds, "machine": asdict(machine), "at": now} for one in runs
    ]
    again = {one.fault for one in runs}
    body = {"faults": [row for row in kept if row.get("fault") not in again] + fresh}
    results.write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def exit_code(runs: Sequence[Run]) -> int:
    return 0 if all(one.holds for one in runs) else 1


def _folder() -> Path:
    """Short, for sockets, and open for the user that Postgres runs as."""
    folder = Path(tempfile.mkdtemp(prefix="mkf-", dir="/tmp"))
    folder.chmod(0o711)
    return folder


def _show(name: str) -> Show:
    return cast("Show", import_module(f"tests.faults.{name}").show)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("names", nargs="*", help="which ones (default: all)")
    names = modules(cast("list[str]", parser.parse_args().names))
    # What the runner's own relay and projectors say; the services' logs are files.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    runs = asyncio.run(run(names, _show))
    machine = Machine.this()
    print(table(runs, machine))
    keep(runs, machine)
    sys.exit(exit_code(runs))


if __name__ == "__main__":
    main()
