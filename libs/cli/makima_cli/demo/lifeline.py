"""Ends the demo's agents with the fleet, also if that was killed: they wait for a lock that the fleet holds as long as
it lives. Elsewhere an agent survives its daemon; of a demo nothing shall be left.
"""

import fcntl
import os
import signal
import threading
from pathlib import Path
from typing import BinaryIO, Final

VARIABLE: Final = "DEMO_LIFELINE"  # names the file, in the environment of the agents


def hold(path: Path) -> BinaryIO:
    """Make the file, and hold its lock until the returned file is closed, or this process has ended."""
    lifeline = path.open("wb")
    fcntl.flock(lifeline, fcntl.LOCK_EX)
    return lifeline


def tie() -> None:
    """End this process, and what it has started, as soon as nobody holds the lock. Without the variable: nothing."""
    if path := os.environ.get(VARIABLE):
        threading.Thread(target=_end_with, args=(Path(path),), daemon=True, name="lifeline").start()


def _end_with(path: Path) -> None:
    try:
        with path.open("rb") as lifeline:
            fcntl.flock(lifeline, fcntl.LOCK_SH)
    except OSError:
        pass  # the fleet has removed its folder
    os.killpg(os.getpgrp(), signal.SIGKILL)
