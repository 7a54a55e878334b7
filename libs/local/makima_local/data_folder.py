"""The folder where a system on this machine keeps everything: who may enter it, what lies where, and that only one runs on it."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOTS_DEFAULT = Path("/var/lib/makima/dev")  # root's home is closed to the user whom Postgres runs as


class InUseError(RuntimeError):
    """Another makima runs on this data folder."""


def close(folder: Path) -> None:
    """For us alone; as root passable (not readable), because Postgres runs as another user."""
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)


@dataclass(frozen=True, slots=True)
class DataFolder:
    path: Path

    @classmethod
    def default(cls) -> "DataFolder":
        return cls(ROOTS_DEFAULT if os.geteuid() == 0 else Path.home() / ".local/share/makima/dev")

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def nats(self) -> Path:
        return self.path / "nats"

    @property
    def admin_token(self) -> Path:
        return self.path / "admin-token"

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def prepare(self) -> None:
        """Make what is missing, for us alone. A folder that was there keeps its mode: it may be /tmp."""
        for folder in [folder for folder in (*reversed(self.path.parents), self.path) if not folder.exists()]:
            folder.mkdir(exist_ok=True)
            close(folder)
        self.log("").parent.mkdir(exist_ok=True, mode=0o700)

    @contextmanager
    def held(self) -> Generator[None]:
        """Keep every other makima off this folder; the kernel lets go when we end, however we end. Raises `InUseError`."""
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                holder = lock.read().strip()
                raise InUseError(f"makima runs on {self.path} already (pid {holder}): stop it, or choose another --data-dir") from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield
