"""A child process that an agent waits for: whether it runs, and how much processor time it has used.

It loads psutil, so it is imported when a process is watched, and not before.
"""

from contextlib import suppress
from typing import Final

import psutil

MAX_COMMAND_CHARACTERS: Final = 200


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
            family = [self._process, *self._process.children(recursive=True)]
        except psutil.Error:
            return None
        seconds = sum(_cpu_seconds(member) for member in family)
        return {"pid": self._process.pid, "command": self._command, "cpu_seconds": round(seconds, 2)}


def _cpu_seconds(process: psutil.Process) -> float:
    """Of a process and those of its children that have ended; 0 if it has just ended itself."""
    with suppress(psutil.Error):
        times = process.cpu_times()
        ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        return float(times.user + times.system + ended)
    return 0.0
