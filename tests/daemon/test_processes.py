"""A process is told from a later one that has its number."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from makima_daemon import processes
from makima_daemon.adoption import ProcessId
from makima_daemon.processes import AgentProcess


async def test_the_end_of_an_adopted_process_ends_no_other_that_has_its_number_by_now() -> None:
    other = subprocess.Popen(["sleep", "300"], start_new_session=True)  # noqa: ASYNC220 - as the daemon starts its own
    try:
        adopted = AgentProcess(ProcessId(other.pid, "before the machine was started anew"))
        adopted.signal(signal.SIGKILL)
        assert await adopted.ended() is None
    finally:
        other.terminate()
    assert other.wait() == -signal.SIGTERM


async def test_its_end_is_noticed_where_the_system_has_no_descriptors_of_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As on macOS: of a child with its exit code, and of one that an earlier daemon started."""
    monkeypatch.delattr(os, "pidfd_open")
    monkeypatch.setattr(processes, "EXIT_POLL_SECONDS", 0.01)
    with (tmp_path / "log").open("wb") as log:
        child = AgentProcess.start(("sleep", "300"), env=dict(os.environ), folder=tmp_path, log=log)
    adopted = AgentProcess(child.id)
    assert (child.alive, adopted.alive) == (True, True)
    child.signal(signal.SIGTERM)
    assert (await child.ended(), await adopted.ended()) == (-signal.SIGTERM, None)
