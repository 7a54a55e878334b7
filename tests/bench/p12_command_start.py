"""P12: how long the command takes to start: `makima --help` and a command's own, beside an empty Python."""

import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL
from statistics import median, quantiles
from typing import Final

from tests.bench.figure import BenchEnv, Figure

STARTS: Final = 40
COMMAND: Final = "import sys; sys.argv[1:] = {}; from makima_cli.entry import main; main()"
HELP: Final = COMMAND.format(["--help"])


async def measure(env: BenchEnv) -> list[Figure]:
    """In turn, so that all meet the same machine."""
    listing = COMMAND.format(["contracts", "list", "--help"])  # with all that the list imports
    taken: dict[str, list[float]] = {"pass": [], HELP: [], listing: []}
    for _ in range(STARTS):
        for code, times in taken.items():
            times.append(await _took(code))
    plain, helped, listed = (_p50_and_p95(times) for times in taken.values())
    beside = "python -c pass"
    return [
        Figure("P12", "makima --help, p50", helped[0], "ms", plain[0], beside, "≤ 150 ms", helped[0] <= 150),
        Figure("P12", "makima --help, p95", helped[1], "ms", plain[1], beside, "", None),
        Figure("P12", "makima contracts list --help, p50", listed[0], "ms", plain[0], beside, "", None),
    ]


def _p50_and_p95(times: list[float]) -> tuple[float, float]:
    return median(times), quantiles(times, n=20)[18]


async def _took(code: str) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, env={**os.environ}
    )
    await process.wait()
    return (time.perf_counter() - began) * 1000
