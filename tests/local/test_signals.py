"""A process that was sent SIGSTOP answers nothing more from the moment that the sender goes on."""

import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from makima_local.signals import send_to_group, send_to_one

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


@pytest.mark.parametrize("send", [send_to_one, send_to_group])
def test_every_thread_has_stopped_when_it_returns(send: Callable[[int, signal.Signals], None]) -> None:
    with running(SPINNING_THREADS) as process:
        assert line(process) == "spinning"
        for _ in range(100):
            send(process.pid, signal.SIGSTOP)
            assert states(process.pid) == {"T"}
            send(process.pid, signal.SIGCONT)


def test_so_have_its_children() -> None:
    with running(A_PARENT) as process:
        child = int(line(process))
        assert line(process) == "spinning"
        send_to_group(process.pid, signal.SIGSTOP)
        assert states(process.pid) | states(child) == {"T"}


def test_one_that_has_ended_is_not_waited_for() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    send_to_one(process.pid, signal.SIGSTOP)
    send_to_one(process.pid, signal.SIGCONT)
    process.wait()
    send_to_one(process.pid, signal.SIGSTOP)
    send_to_group(process.pid, signal.SIGSTOP)
