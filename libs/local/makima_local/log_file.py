"""The log file of a process: opened for appending, rotated when it is too large, and its last lines."""

import asyncio
import errno
import os
from pathlib import Path
from typing import BinaryIO

from makima_local.private_files import append_to, copy

MAX_LOG_FILE_BYTES = 20 * 1024 * 1024  # bytes
SIZE_POLL_SECONDS = 5.0  # between two checks whether a log is too large
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
QUOTED_LOG_LINES = 3  # quoted in an error message


def opened(path: Path) -> BinaryIO:
    """Opens the log for appending, to be passed to a process as its output.

    A log that is too large is first renamed to `*.old.log`, which replaces an earlier one of that name. Only
    our user may read it, because it quotes what clients sent. On a full disk a process starts without its
    log. Raises `NotOursError` for a link.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > MAX_LOG_FILE_BYTES:
            path.replace(path.with_suffix(".old.log"))
        return append_to(path)
    except OSError as error:
        if error.errno in DISK_FULL:
            return Path(os.devnull).open("a+b")
        raise


def cut_back(path: Path) -> None:
    """Copies a log that is too large to `*.old.log` and empties it, while its process goes on writing.

    The process appends, so its next line begins the emptied file. What it writes between copy and cut is lost.
    Where the disk has no room for the copy, all of it is: what is logged is worth more than its log.
    """
    old = path.with_suffix(".old.log")
    try:
        if path.stat().st_size <= MAX_LOG_FILE_BYTES:
            return
        try:
            copy(path, old)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            old.unlink(missing_ok=True)
        os.truncate(path, 0)
    except OSError:
        return  # it is gone, or another user's; the next look is soon


async def keep_small(path: Path) -> None:
    """Until cancelled: `cut_back` every `SIZE_POLL_SECONDS`."""
    while True:
        await asyncio.sleep(SIZE_POLL_SECONDS)
        await asyncio.to_thread(cut_back, path)


def last_words(path: Path) -> str:
    """The last lines of the log joined to one line, for an error message."""
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return " · ".join(lines[-QUOTED_LOG_LINES:]) or "its log is empty"
