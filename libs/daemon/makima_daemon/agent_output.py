"""The output of agents: a file each, that its process writes by itself, so that it goes on when the daemon dies;
bounded per agent and in total.
"""

import asyncio
import errno
import os
import shutil
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from makima_daemon import private_files

MAX_FILE_BYTES: Final = 4 << 20  # of an agent's present file; as much again is kept of what came before
MAX_TOTAL_BYTES: Final = 256 << 20  # of all agents of this workspace
SIZE_POLL_SECONDS: Final = 1.0
OLD: Final = ".old"  # added to the name of what came before

_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def opened(path: Path) -> BinaryIO:
    """The file to be passed to an agent's process. On a full disk it starts without one. Raises `OSError`."""
    try:
        private_files.folder(path.parent)
        return private_files.append_to(path)
    except OSError as error:
        if error.errno in _DISK_FULL:
            return Path(os.devnull).open("ab")
        raise


def bound(
    folder: Path,
    running: Collection[Path],
    *,
    file_bytes: int = MAX_FILE_BYTES,
    total_bytes: int = MAX_TOTAL_BYTES,
) -> None:
    """Cut files that are too large, then remove the oldest until the rest fits into `total_bytes`: those of
    agents that run no more first. A file of `running` is emptied instead of removed, as its process holds it.
    """
    sizes: list[tuple[bool, float, Path, int]] = []
    for path in (*folder.glob("*/*.log"), *folder.glob(f"*/*.log{OLD}")):
        with suppress(OSError):
            if path.suffix != OLD and path.stat().st_size > file_bytes:
                _cut(path, file_bytes)
            found = path.stat()
            sizes.append((path in running, found.st_mtime, path, found.st_size))
    excess = sum(size for *_, size in sizes) - total_bytes
    for is_running, _, path, size in sorted(sizes):
        if excess <= 0:
            return
        with suppress(OSError):
            os.truncate(path, 0) if is_running else path.unlink()
            excess -= size


async def keep_bounded(folder: Path, running: Callable[[], Collection[Path]]) -> None:
    """Until cancelled: `bound` every `SIZE_POLL_SECONDS`."""
    while True:
        await asyncio.to_thread(bound, folder, running())
        await asyncio.sleep(SIZE_POLL_SECONDS)


def _cut(path: Path, keep: int) -> None:
    """Copy the last `keep` bytes beside the file and empty it, while its process goes on writing.

    The process appends, so its next line begins the emptied file. What it writes between copy and cut is lost.
    """
    beside = path.with_name(path.name + OLD)
    try:
        with path.open("rb") as source, private_files.append_to(beside) as target:
            target.truncate(0)
            source.seek(-keep, os.SEEK_END)
            shutil.copyfileobj(source, target)
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        beside.unlink(missing_ok=True)
    os.truncate(path, 0)
