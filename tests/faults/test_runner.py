"""The runner shows every fault, whatever becomes of one, and ends with what it found."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from tests.bench.figure import Machine
from tests.faults import __main__ as faults
from tests.faults.comparison import Comparison
from tests.faults.skipped import SkippedError
from tests.faults.trial import starved_seconds

MACHINE = Machine("a processor", 2, 8.0, "a system")
HOLDS = Comparison(
    "R1", "commands, in the log", 1204, "commands", {"lost": 0, "twice": 0}, note="back in 3.1 s"
)
DIFFERS = Comparison(
    "R2", "events", 9, "events", {"missing": 7}, tuple(f"missing: {number}" for number in range(7))
)


def outcomes(*shows: Callable[[Path], list[Comparison]]) -> list[faults.Run]:
    """The results of faults that find this."""

    def show_of(name: str) -> faults.Show:
        async def show(place: Path) -> list[Comparison]:
            return shows[int(name)](place)

        return show

    return asyncio.run(faults.run([str(number) for number in range(len(shows))], show_of))


def fails(place: Path) -> list[Comparison]:
    (place / "log").write_text("why")
    raise RuntimeError("it did not start")


def is_skipped(_place: Path) -> list[Comparison]:
    raise SkippedError("no history")


def test_every_row_of_the_targets_has_its_module_and_they_come_in_order() -> None:
    rows = [name.partition("_")[0] for name in faults.modules([])]
    assert rows == ["r1", "r2", "r2b", *(f"r{number}" for number in range(3, 14)), "ru"]


def test_names_select_by_beginning_and_an_unknown_one_is_refused() -> None:
    assert faults.modules(["r1", "r2"]) == ["r1_killed_services", "r2_broker_gone"]
    with pytest.raises(SystemExit, match="no fault is called r99"):
        faults.modules(["r99"])


def test_the_table_says_what_was_compared_and_shows_the_first_differences() -> None:
    table = faults.table([faults.Run("r1", (HOLDS,)), faults.Run("r2", (DIFFERS,))], MACHINE).splitlines()
    assert table[2] == "R1   commands, in the log  1,204 commands: 0 lost, 0 twice; back in 3.1 s  holds"
    assert table[3] == "R2   events                9 events: 7 missing  DIFFERS"
    assert [line.strip() for line in table[4:]] == [
        *(f"missing: {number}" for number in range(5)),
        "… and 2 more",
    ]


def test_one_difference_makes_the_exit_code_one_and_so_does_a_fault_that_could_not_be_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert faults.exit_code(outcomes(lambda _: [HOLDS], is_skipped)) == 0
    assert faults.exit_code(outcomes(lambda _: [HOLDS, DIFFERS])) == 1
    failed = outcomes(fails, lambda _: [HOLDS])
    assert faults.exit_code(failed) == 1
    assert failed[1].comparisons == (HOLDS,), "the next one is shown all the same"
    assert "could not be shown: RuntimeError: it did not start  FAILED" in faults.table(failed, MACHINE)
    assert "its logs stay in" in capsys.readouterr().err


def test_a_run_of_one_fault_replaces_its_own_results_alone(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    faults.keep([faults.Run("r1", (HOLDS,)), faults.Run("r2", (DIFFERS,))], MACHINE, results)
    faults.keep([faults.Run("r2", (HOLDS,))], MACHINE, results)
    kept = {row["fault"]: row["holds"] for row in orjson.loads(results.read_bytes())["faults"]}
    assert kept == {"r1": True, "r2": True}


def test_the_wait_for_a_processor_is_told_of_a_process_and_not_of_one_that_is_gone() -> None:
    assert 0 <= starved_seconds(os.getpid()) < time.monotonic()
    assert starved_seconds(2**30) == 0.0
