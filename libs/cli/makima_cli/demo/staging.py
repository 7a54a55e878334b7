"""The staging environment, which one agent at a time can use: a file lock, released when its process ends."""

import fcntl
import os
from pathlib import Path
from typing import Final

NAME: Final = "staging.lock"
HELD_UP: Final = "staging is in use"


class Staging:
    """The lock as one contract's supervisor sees it. `holder` is the name that others get to read."""

    def __init__(self, folder: Path, holder: str) -> None:
        self._path = folder / NAME
        self._holder = holder
        self._held: int | None = None  # file descriptor of the lock while it is held

    def take(self) -> bool:
        """Try to take the lock, without waiting. Returns True if this process holds it."""
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
        """The reason to show to people while another process holds the lock."""
        return f"{HELD_UP} by {self._path.read_text() or 'another agent'}"
