"""The operating system's user that the servers and services run as: the present user,
but never root, which Postgres refuses and which nothing else needs either.
"""

import fcntl
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

NAME = "pgserver"  # the user that is used, and created if missing, when makima runs as root


class Identity(TypedDict, total=False):
    """The arguments with which a process is started as another user; none: as ours (uvloop takes none of them)."""

    user: int
    group: int
    extra_groups: list[int]


OURS: Final = Identity()


class UnreachableError(RuntimeError):
    """The user that makima's programs run as has no access to something."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the operating system, to run a process as."""

    name: str
    uid: int
    gid: int

    def own(self, folder: Path) -> None:
        """Makes the folder accessible to this user only; creates it if it is missing.

        Raises `UnreachableError` for a symbolic link or a folder of a third user: anyone could have created
        it in a shared folder such as /tmp.
        """
        folder.mkdir(parents=True, exist_ok=True)
        owner = folder.lstat().st_uid
        if folder.is_symlink() or owner not in {self.uid, os.geteuid()}:
            raise UnreachableError(f"{folder} belongs to another user")
        folder.chmod(0o700)
        if owner != self.uid:
            os.chown(folder, self.uid, self.gid)

    @property
    def is_ours(self) -> bool:
        """True if this process runs as this user."""
        return self.uid == os.geteuid()

    @property
    def identity(self) -> Identity:
        if self.is_ours:
            return OURS
        return Identity(user=self.uid, group=self.gid, extra_groups=[])

    def take_over(self, folder: Path) -> None:
        """Gives the folder, and all that is in it, to this user, if it belongs to another one. Follows no links.

        The folder itself comes last, so that what was broken off is done again.
        """
        if folder.lstat().st_uid == self.uid:
            return
        for place, _, files in os.walk(folder, topdown=False):
            for found in (*(Path(place) / name for name in files), Path(place)):
                os.chown(found, self.uid, self.gid, follow_symlinks=False)

    def may_read(self, file: Path) -> bool:
        """True if this user has access to the file, by its mode and that of the folders on its path."""
        if self.is_ours:
            return os.access(file, os.R_OK)
        found = file.stat()
        needed = stat.S_IRUSR if found.st_uid == self.uid else stat.S_IROTH
        if found.st_uid != self.uid and found.st_gid == self.gid:
            needed = stat.S_IRGRP
        return bool(found.st_mode & needed) and self.barrier(file.resolve().parent) is None

    def barrier(self, path: Path) -> Path | None:
        """The first folder on the path (or `path` itself) that this user may not enter;
        None if there is none.
        """
        if self.is_ours:
            return None
        return next(
            (
                step
                for step in reversed([path, *path.parents])
                if step.exists() and not self._passes(step.stat())
            ),
            None,
        )

    def _passes(self, found: os.stat_result) -> bool:
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        return bool(found.st_mode & (stat.S_IXGRP if found.st_gid == self.gid else stat.S_IXOTH))


def account(name: str = NAME) -> Account:
    """The present user; if that is root, the user `name`, which is created if missing."""
    if os.geteuid() != 0:
        return Account(str(os.geteuid()), os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        entry = _created(name)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def our_uids() -> frozenset[int]:
    """The uids whose files are ours: the present user's; for root also those of the user `NAME`, if he exists."""
    if os.geteuid() != 0:
        return frozenset({os.geteuid()})
    return frozenset({0, *(entry.pw_uid for entry in pwd.getpwall() if entry.pw_name == NAME)})


def run_as(
    user: Account, command: Sequence[str], timeout: float = 120.0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end as this user; in the folder `/`, which every user may enter.

    `timeout` in seconds. `env`: the whole environment; None: ours.
    """
    return subprocess.run(
        command,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env=env,
        **user.identity,
    )


def _created(name: str) -> pwd.struct_passwd:
    with _exclusive():
        if not _exists(name):
            _create(name)
    return pwd.getpwnam(name)


@contextmanager
def _exclusive() -> Generator[None]:
    """Holds a lock, so that only one process creates the user.

    Of two `useradd` at the same time, the second one gives the user another uid, and the files that the first
    process has made for it belong to no user.
    """
    users = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(users, fcntl.LOCK_EX)
        yield
    finally:
        os.close(users)


def _create(name: str) -> None:
    if useradd := shutil.which("useradd"):
        command = [useradd, "--system", "--no-create-home", "--shell", "/bin/false", name]
    else:  # busybox
        command = ["adduser", "-S", "-D", "-H", "-s", "/bin/false", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode != 0:
        raise RuntimeError(
            f"makima's programs do not run as root, and the user {name} could not be created: {done.stderr.strip()}"
        )


def _exists(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())
