"""The data folder of a makima system on this machine: its layout, its permissions and its lock."""

import fcntl
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from makima_local.account import our_uids
from makima_local.private_files import append_to, require_closed_way, require_ours

ROOTS_DEFAULT = Path("/var/lib/makima/dev")  # the user that our programs run as has no access to root's home

# What makima makes in a data folder. The content of FOLDERS is looked at, too; Postgres looks at its own.
FILES = (
    "lock",
    "admin-token",
    "postgres",
    "postgres.log",
    "postgres.old.log",
    "nats.log",
    "nats.old.log",
    "demo",
)
FOLDERS = ("logs", "nats", "secrets")
SECRETS = ("admin-token", "passwords.json", "issuer.seed")


class UnusableError(RuntimeError):
    """The data folder cannot be made or written."""


class InUseError(RuntimeError):
    """Another makima process uses this data folder."""


def close(folder: Path) -> None:
    """Makes the folder private.

    As root it stays enterable (but not readable), because servers and services run as another user.
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

    @property
    def secrets(self) -> Path:
        """The folder with what the programs are told by file: their environment has only the path."""
        return self.path / "secrets"

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def prepare(self) -> None:
        """Creates missing folders, private to us.

        Raises `UnusableError` if one cannot be made, or if we may not write into it; and `NotOursError` if the
        folder, or a file in it that makima uses, is a link, belongs to another user, or may be written by
        others: a program that runs as such a user would get our secrets, or let us write where it cannot.
        """
        try:
            require_closed_way(self.path)
            for folder in [*reversed(self.path.parents), self.path]:
                _create(folder)
            self._require_ours()
            for folder in (self.log("").parent, self.secrets):
                folder.mkdir(exist_ok=True, mode=0o700)
            close(self.secrets)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise UnusableError(
                f"the data folder {self.path} cannot be used ({error.strerror}: {error.filename}): "
                "choose another --data-dir"
            ) from error

    def _require_ours(self) -> None:
        owners = our_uids()
        require_ours(self.path, owners)
        for name in (*FILES, *FOLDERS):
            require_ours(self.path / name, owners, secret=name in SECRETS)
        for folder in (self.path / name for name in FOLDERS if (self.path / name).is_dir()):
            for file in folder.iterdir():
                require_ours(file, owners, secret=file.name in SECRETS or folder == self.secrets)

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
        with append_to(self.path / "lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                holder = lock.read().decode().strip()
                raise InUseError(
                    f"makima runs on {self.path} already (pid {holder}): stop it, or choose another --data-dir"
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()).encode())
            lock.flush()
            yield


def _create(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return
    close(folder)
