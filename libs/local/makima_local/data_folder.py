"""The data folder of a makima system on this machine: its layout, its permissions and its lock."""

import fcntl
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOTS_DEFAULT = Path("/var/lib/makima/dev")  # the user that Postgres runs as has no access to root's home


class UnusableError(RuntimeError):
    """The data folder cannot be made or written."""


class InUseError(RuntimeError):
    """Another makima process uses this data folder."""


def close(folder: Path) -> None:
    """Makes the folder private.

    As root it stays enterable (but not readable), because Postgres runs as another user.
    """
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The layout of a data folder, and its lock."""

    path: Path

    @classmethod
    def default(cls) -> "DataFolder":
        """Raises `UnusableError` for a user without a home folder."""
        if os.geteuid() == 0:
            return cls(ROOTS_DEFAULT)
        try:
            home = Path.home()
        except RuntimeError as error:
            raise UnusableError("you have no home folder: set HOME, or choose a --data-dir") from error
        if not home.is_absolute():
            raise UnusableError(f"HOME is {str(home)!r}, which is no folder: set it, or choose a --data-dir")
        return cls(home / ".local/share/makima/dev")

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
        """Creates missing folders, private to us. Existing ones keep their mode, because one may be /tmp.

        Raises `UnusableError` if one cannot be made, or if we may not write into it.
        """
        try:
            self._create()
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise UnusableError(
                f"the data folder {self.path} cannot be used ({error.strerror}: {error.filename}): "
                "choose another --data-dir"
            ) from error

    def _create(self) -> None:
        for folder in [folder for folder in (*reversed(self.path.parents), self.path) if not folder.exists()]:
            folder.mkdir(exist_ok=True)
            close(folder)
        self.log("").parent.mkdir(exist_ok=True, mode=0o700)

    def in_use(self) -> bool:
        """True if a makima process holds the folder's lock."""
        try:
            with (self.path / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # there is no such folder, or it is not ours
            return False
        return False

    @contextmanager
    def held(self) -> Generator[None]:
        """Locks the folder against other makima processes. Raises `InUseError`.

        The operating system releases the lock when this process ends, even if it is killed.
        """
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                holder = lock.read().strip()
                raise InUseError(
                    f"makima runs on {self.path} already (pid {holder}): stop it, or choose another --data-dir"
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield
