"""Sends a signal to a process that may have ended already, and waits until processes that were stopped stand still."""

import asyncio
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import psutil

STOPPED: Final = {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP, psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
STOP_TIMEOUT_SECONDS: Final = 30.0
STOP_POLL_SECONDS: Final = 0.001


def send_to_group(pid: int, what: signal.Signals) -> None:
    """To the process and its children, which share its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, what)


def send_to_one(pid: int, what: signal.Signals) -> None:
    """To the process alone."""
    with suppress(ProcessLookupError):
        os.kill(pid, what)


def family(pid: int) -> list[int]:
    """The process and all its descendants; empty if it has ended."""
    with suppress(psutil.NoSuchProcess):
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return []


async def stopped(pids: Iterable[int], timeout: float = STOP_TIMEOUT_SECONDS) -> None:
    """Waits until every thread of these processes, which were sent SIGSTOP, has stopped or ended.

    The kernel stops a thread when it is next scheduled, and a process may answer until then: for milliseconds after
    the signal was sent, on a busy machine. Raises `TimeoutError` after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    for pid in pids:
        while not _has_stopped(pid):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the process {pid} has not stopped within {timeout:g} s of SIGSTOP")
            await asyncio.sleep(STOP_POLL_SECONDS)


def _has_stopped(pid: int) -> bool:
    try:
        threads = psutil.Process(pid).threads()
    except psutil.NoSuchProcess:
        return True
    return all(_thread_has_stopped(thread.id) for thread in threads)


def _thread_has_stopped(thread_id: int) -> bool:
    """A thread is read like a process, as Linux gives it an entry of its own."""
    try:
        return psutil.Process(thread_id).status() in STOPPED
    except psutil.NoSuchProcess:
        return True
