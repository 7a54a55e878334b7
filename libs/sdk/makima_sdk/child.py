"""A child process that an agent waits for: whether it runs, and how much processor time it has used.

It loads psutil, so it is imported when a process is watched, and not before.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import psutil

MAX_COMMAND_CHARACTERS: Final = 200
PROC: Final = "/proc"


class ChildProcess:
    """The process `pid`, with all that it starts."""

    def __init__(self, pid: int) -> None:
        self._process: psutil.Process | None = None  # null: it has ended
        self._command = ""
        with suppress(psutil.Error):  # one that ends at once is a child like others
            process = psutil.Process(pid)
            self._command = process.name()[:MAX_COMMAND_CHARACTERS]
            self._process = process

    def observe(self) -> dict[str, object] | None:
        """What a heartbeat tells of it; None: it has ended. Its arguments are left out, as they may hold secrets."""
        if self._process is None:
            return None
        try:
            if not self._process.is_running() or self._process.status() == psutil.STATUS_ZOMBIE:
                return None
            seconds = sum(_cpu_seconds(member) for member in _family(self._process))
        except psutil.Error:
            return None
        return {"pid": self._process.pid, "command": self._command, "cpu_seconds": round(seconds, 2)}


def _family(process: psutil.Process) -> Iterator[psutil.Process]:
    """It, and all that it started and they did. Linux names the children of a process; elsewhere each process of the
    machine is looked at, which takes milliseconds for each heartbeat.
    """
    yield process
    if not os.path.exists(f"{PROC}/{process.pid}/task/{process.pid}/children"):  # noqa: PTH110 - as `Path` costs
        yield from process.children(recursive=True)
        return
    waiting = [process.pid]
    while waiting:
        for pid in _children(waiting.pop()):
            waiting.append(pid)
            with suppress(psutil.Error):  # it has ended meanwhile
                yield psutil.Process(pid)


def _children(pid: int) -> list[int]:
    """Started by any thread of the process; none of one that has ended."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"{PROC}/{pid}/task"):  # noqa: PTH208 - as above
            with open(f"{PROC}/{pid}/task/{thread}/children") as file:  # noqa: PTH123 - as above
                found += map(int, file.read().split())
    return found


def _cpu_seconds(process: psutil.Process) -> float:
    """Of a process and those of its children that have ended; 0 if it has just ended itself."""
    with suppress(psutil.Error):
        times = process.cpu_times()
        ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        return float(times.user + times.system + ended)
    return 0.0
