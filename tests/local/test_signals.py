"""A process that was sent SIGSTOP answers nothing more once it was waited for."""

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from makima_local.signals import family, send_to_group, send_to_one, stopped

SPINNING_THREADS = """
import sys, threading, time
def spin():
    while True: time.sleep(0.0001)
for _ in range(20): threading.Thread(target=spin, daemon=True).start()
print("spinning", flush=True)
spin()
"""
A_PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SPINNING_THREADS!r}])
print(child.pid, flush=True)
child.wait()
"""


def states(pid: int) -> set[str]:
    """The state letter of each thread, as in proc(5): T is stopped."""
    return {
        path.read_text().rpartition(")")[2].split()[0] for path in Path(f"/proc/{pid}/task").glob("*/stat")
    }


@contextmanager
def running(program: str) -> Generator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            send_to_group(process.pid, signal.SIGKILL)


def line(process: "subprocess.Popen[bytes]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


async def test_every_thread_has_stopped_when_it_was_waited_for() -> None:
    with running(SPINNING_THREADS) as process:
        assert line(process) == "spinning"
        for _ in range(100):
            send_to_one(process.pid, signal.SIGSTOP)
            await stopped([process.pid])
            assert states(process.pid) == {"T"}
            send_to_one(process.pid, signal.SIGCONT)


async def test_so_have_its_children() -> None:
    with running(A_PARENT) as process:
        child = int(line(process))
        assert line(process) == "spinning"
        send_to_group(process.pid, signal.SIGSTOP)
        await stopped(family(process.pid))
        assert states(process.pid) | states(child) == {"T"}


async def test_one_that_has_ended_is_not_waited_for() -> None:
    with running("") as process:
        process.wait()
    send_to_one(process.pid, signal.SIGSTOP)
    send_to_group(process.pid, signal.SIGSTOP)
    assert family(process.pid) == []
    await stopped([process.pid])


async def test_one_that_goes_on_is_named() -> None:
    with running(SPINNING_THREADS) as process, pytest.raises(TimeoutError, match=str(process.pid)):
        await stopped([process.pid], timeout=0.01)
