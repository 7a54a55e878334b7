"""What a heartbeat tells of a child process: it, with all that it and they started."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from makima_kernel.testing import eventually
from makima_sdk import child
from makima_sdk.child import ChildProcess

# A process whose thread starts a shell, which starts one that computes.
COMPUTES = """
import subprocess, sys, threading
line = ["sh", "-c", sys.executable + " -c 'while True: pass' & wait"]
threading.Thread(target=lambda: subprocess.run(line)).start()
"""


@pytest.fixture
def parent() -> Iterator[psutil.Process]:
    process = subprocess.Popen([sys.executable, "-c", COMPUTES])
    known = psutil.Process(process.pid)
    yield known
    for each in [*known.children(recursive=True), known]:
        each.kill()
    process.wait()


@pytest.mark.parametrize("names_children", [True, False])
async def test_what_its_childrens_children_compute_counts(
    parent: psutil.Process, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names_children: bool
) -> None:
    if not names_children:  # a system that names no children
        monkeypatch.setattr(child, "PROC", str(tmp_path))
    watched = ChildProcess(parent.pid)
    await eventually(lambda: len(parent.children(recursive=True)) == 2)
    own = sum(parent.cpu_times()[:2])

    def seconds() -> float:
        told = watched.observe()
        assert told is not None
        value = told["cpu_seconds"]
        assert isinstance(value, float)
        return value

    await eventually(lambda: seconds() > own + 0.5)
    (shell,) = parent.children()
    (computes,) = shell.children()
    assert seconds() >= round(sum(computes.cpu_times()[:2]), 2) - 0.01


async def test_one_that_has_ended_is_not_told_of(parent: psutil.Process) -> None:
    watched = ChildProcess(parent.pid)
    assert watched.observe() is not None
    for each in [*parent.children(recursive=True), parent]:
        each.kill()
    await eventually(lambda: watched.observe() is None)
