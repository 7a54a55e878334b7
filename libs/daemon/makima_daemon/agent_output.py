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
MAX_FILES: Final = 2_000  # of those that run no more
SIZE_POLL_SECONDS: Final = 1.0  # of the agents that run
ALL_POLL_SECONDS: Final = 60.0  # of all that were ever kept
OLD: Final = ".old"  # added to the name of what came before

_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def opened(path: Path) -> BinaryIO:
    """The file to be passed to an agent's process. On a full disk it starts without one. Raises `OSError`."""
    try:
        try:
            return _opened(path)
        except FileNotFoundError:  # `bound` has just removed the folder, as it was empty
            return _opened(path)
    except OSError as error:
        if error.errno in _DISK_FULL:
            return Path(os.devnull).open("ab")
        raise


def _opened(path: Path) -> BinaryIO:
    private_files.folder(path.parent)
    return private_files.append_to(path)


def bound(
    folder: Path,
    running: Collection[Path],
    *,
    file_bytes: int = MAX_FILE_BYTES,
    total_bytes: int = MAX_TOTAL_BYTES,
    files: int = MAX_FILES,
) -> None:
    """Cut files that are too large, then remove the oldest until the rest fits into `total_bytes`: those of
    agents that run no more first, of which at most `files` are kept. A file of `running` is emptied instead of
    removed, as its process holds it. Folders without a file go, too.
    """
    sizes: list[tuple[bool, float, Path, int]] = []
    for path in (*folder.glob("*/*.log"), *folder.glob(f"*/*.log{OLD}")):
        with suppress(OSError):
            if path.suffix != OLD:
                _cut_if_larger(path, file_bytes)
            found = path.stat()
            sizes.append((path in running, found.st_mtime, path, found.st_size))
    excess = sum(size for *_, size in sizes) - total_bytes
    surplus = sum(not is_running for is_running, *_ in sizes) - files
    for is_running, _, path, size in sorted(sizes):
        if excess <= 0 and (surplus <= 0 or is_running):
            break
        with suppress(OSError):
            os.truncate(path, 0) if is_running else path.unlink()
            excess, surplus = excess - size, surplus - 1
    used = {path.parent for path in running}
    for each in folder.glob("*/"):
        with suppress(OSError):  # it has files, or is none of ours
            if each not in used:
                each.rmdir()


async def keep_bounded(folder: Path, running: Callable[[], Collection[Path]]) -> None:
    """Until cancelled: cut what runs every `SIZE_POLL_SECONDS`, and `bound` all every `ALL_POLL_SECONDS`."""
    now = asyncio.get_running_loop().time
    next_of_all = now()
    while True:
        if now() >= next_of_all:
            next_of_all = now() + ALL_POLL_SECONDS
            await asyncio.to_thread(bound, folder, running())
        else:
            await asyncio.to_thread(cut, running())
        await asyncio.sleep(SIZE_POLL_SECONDS)


def cut(running: Collection[Path], file_bytes: int = MAX_FILE_BYTES) -> None:
    """Cut those of these files that are too large."""
    for path in running:
        with suppress(OSError):
            _cut_if_larger(path, file_bytes)


def _cut_if_larger(path: Path, file_bytes: int) -> None:
    if path.stat().st_size > file_bytes:
        _cut(path, file_bytes)


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
