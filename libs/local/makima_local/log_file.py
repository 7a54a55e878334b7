"""The log file of a process: opened for appending, rotated when it is too large, and its last lines."""

from pathlib import Path
from typing import BinaryIO

from makima_local.private_files import append_to

MAX_LOG_FILE_BYTES = 20 * 1024 * 1024  # bytes
QUOTED_LOG_LINES = 3  # quoted in an error message


def opened(path: Path) -> BinaryIO:
    """Opens the log for appending, to be passed to a process as its output.

    A log that is too large is first renamed to `*.old.log`, which replaces an earlier one of that name. Only
    our user may read it, because it quotes what clients sent. Raises `NotOursError` for a link.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > MAX_LOG_FILE_BYTES:
        path.replace(path.with_suffix(".old.log"))
    return append_to(path)


def last_words(path: Path) -> str:
    """The last lines of the log joined to one line, for an error message."""
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return " · ".join(lines[-QUOTED_LOG_LINES:]) or "its log is empty"
