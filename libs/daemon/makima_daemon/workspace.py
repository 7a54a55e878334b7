"""The daemon's folder: where its things lie, made of ids that were checked before, and the lock that only one
daemon can hold.
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from makima_schemas.identity import is_id

from makima_daemon import private_files

MAX_SOCKET_PATH_BYTES: Final = 100  # Linux takes 107, macOS 103


class WorkspaceError(RuntimeError):
    """The folder cannot be used; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """`root` has no symbolic links in it."""

    root: Path
    daemon_id: str

    @classmethod
    def open(cls, path: Path, daemon_id: str) -> "Workspace":
        """Make the folder, and that of its logs, where they are missing. Raises `WorkspaceError`."""
        try:
            opened = cls(private_files.folder(path).resolve(strict=True), daemon_id)
            private_files.folder(opened.logs)  # the daemon writes there before it has an agent
        except OSError as error:
            raise WorkspaceError(
                f"the workspace {path} cannot be used: {error}: correct `workspace`, or its access"
            ) from error
        return opened

    @property
    def state(self) -> Path:
        return self.root / f"{self.daemon_id}.state.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def worktrees(self) -> Path:
        return self.root / "worktrees"

    @property
    def own_log(self) -> Path:
        return self.logs / "daemon.log"

    @property
    def agent_logs(self) -> Path:
        return self.logs / "agents"

    def agent_log(self, contract_id: str, role: str) -> Path:
        return self.agent_logs / checked(contract_id) / f"{checked(role)}.log"

    @property
    def socket(self) -> Path:
        """In the workspace; where that makes a path too long for a socket, in a folder of our user in /tmp, by a
        name that is the same at each start.
        """
        inside = self.root / f"{self.daemon_id}.sock"
        if len(os.fsencode(inside)) <= MAX_SOCKET_PATH_BYTES:
            return inside
        name = hashlib.sha256(os.fsencode(inside)).hexdigest()[:24]
        return Path(tempfile.gettempdir()).resolve() / f"makima-{os.geteuid()}" / f"{name}.sock"

    @contextmanager
    def locked(self) -> Generator[None]:
        """Hold the lock of this daemon in this workspace; the system frees it when the process ends, however.

        Raises `WorkspaceError` while another daemon holds it.
        """
        path = self.root / f"{self.daemon_id}.lock"
        with path.open("a+") as lock:
            path.chmod(0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.seek(0)
                pid = lock.read(20).strip() or "unknown"
                raise WorkspaceError(
                    f"daemon {self.daemon_id} runs already in {self.root} (pid {pid}): stop it, or choose another "
                    "workspace or daemon_id"
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield


def checked(name: str) -> str:
    """The id or role, which may be part of a path. Raises `ValueError` for anything else."""
    if not is_id(name):
        raise ValueError(f"{name[:100]!a} is no id")
    return name
