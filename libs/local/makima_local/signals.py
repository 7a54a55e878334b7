"""Sends a signal to a process that may have ended already."""

import os
import signal
from contextlib import suppress


def send_to_group(pid: int, what: signal.Signals) -> None:
    """To the process and its children, which share its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, what)


def send_to_one(pid: int, what: signal.Signals) -> None:
    """To the process alone."""
    with suppress(ProcessLookupError):
        os.kill(pid, what)
