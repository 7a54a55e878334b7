"""Sends a signal to a process that may have ended already."""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import psutil

STOPPED: Final = {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
STOP_TIMEOUT_SECONDS: Final = 30.0
STOP_POLL_SECONDS: Final = 0.0005


def send_to_group(pid: int, what: signal.Signals) -> None:
    """To the process and its children, which share its group; SIGSTOP returns when all have stopped."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, what)
    if what is signal.SIGSTOP:
        with suppress(psutil.NoSuchProcess):
            wait_stopped([pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))])


def send_to_one(pid: int, what: signal.Signals) -> None:
    """To the process alone; SIGSTOP returns when it has stopped."""
    with suppress(ProcessLookupError):
        os.kill(pid, what)
    if what is signal.SIGSTOP:
        wait_stopped([pid])


def wait_stopped(pids: Iterable[int], timeout: float = STOP_TIMEOUT_SECONDS) -> None:
    """Waits until every thread of these processes, which were sent SIGSTOP, has stopped or ended.

    The kernel stops a thread when it is next scheduled, and a process may answer until then: up to
    milliseconds after the signal was sent, on a busy machine. Blocks the caller's thread.
    Raises `TimeoutError` after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    for pid in pids:
        while not _stopped(pid):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the process {pid} has not stopped within {timeout:g} s of SIGSTOP")
            time.sleep(STOP_POLL_SECONDS)


def _stopped(pid: int) -> bool:
    try:
        threads = psutil.Process(pid).threads()
    except psutil.NoSuchProcess:
        return True
    return all(_thread_stopped(thread.id) for thread in threads)


def _thread_stopped(thread_id: int) -> bool:
    """A thread is read like a process, as Linux gives it an entry of its own."""
    try:
        return psutil.Process(thread_id).status() in STOPPED
    except psutil.NoSuchProcess:
        return True
