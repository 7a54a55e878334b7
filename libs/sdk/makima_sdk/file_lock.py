"""A lock on a file for one process, on every platform. No module of one platform is imported before it is needed."""

import os
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import BinaryIO


class LockedError(OSError):
    """Another process has the lock."""


class FileLock:
    """Held from `acquire` to `release`, or to the end of the process: the system then lets go of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._exclusive = False  # the path itself is the lock, where the platform has none

    def acquire(self) -> None:
        """Raises `LockedError` if another process, or this one, has it; other `OSError` if it cannot be made."""
        fcntl, msvcrt = _module("fcntl"), _module("msvcrt")
        if fcntl is None and msvcrt is None:
            self._create()
            return
        file = self._path.open("a+b")
        try:
            if fcntl is not None:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            elif msvcrt is not None:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            file.close()
            raise LockedError(f"{self._path} is locked by another process") from error
        self._file = file

    def release(self) -> None:
        """The file of the lock stays: removing it would let two processes each lock a file of that name."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._exclusive:
            self._path.unlink(missing_ok=True)
            self._exclusive = False

    def _create(self) -> None:
        """Where nothing can be locked: the file is the lock, and a process that was killed leaves it behind."""
        try:
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError as error:
            raise LockedError(
                f"{self._path} exists: another process uses the spool, or was killed; remove it if none runs"
            ) from error
        self._exclusive = True


def _module(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ImportError:
        return None
