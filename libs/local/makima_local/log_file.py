"""Where a process writes what it says: appended, and not without end."""

from pathlib import Path
from typing import BinaryIO

MAX_LOG_FILE_BYTES = 20 * 1024 * 1024
QUOTED_LOG_LINES = 3


def opened(path: Path) -> BinaryIO:
    """To hand to a process as its output. One that has grown too large is set aside, in the place of the one set aside before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > MAX_LOG_FILE_BYTES:
        path.replace(path.with_suffix(".old.log"))
    return path.open("ab")


def last_words(path: Path) -> str:
    """Its last lines in one, for an error message."""
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return " · ".join(lines[-QUOTED_LOG_LINES:]) or "it says nothing"
