"""The staging environment: there is one, and whoever works in it holds its lock; the lock of an agent that dies is free again."""

import fcntl
import os
from pathlib import Path
from typing import Final

NAME: Final = "staging.lock"
HELD_UP: Final = "staging is in use"


class Staging:
    def __init__(self, folder: Path, holder: str) -> None:
        self._path = folder / NAME
        self._holder = holder
        self._held: int | None = None

    def take(self) -> bool:
        """Whether it is ours now; it does not wait."""
        if self._held is not None:
            return True
        lock = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        os.ftruncate(lock, 0)
        os.write(lock, self._holder.encode())
        self._held = lock
        return True

    def leave(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def held_up(self) -> str:
        """Why we cannot go on, for people."""
        return f"{HELD_UP} by {self._path.read_text() or 'somebody else'}"
