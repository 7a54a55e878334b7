"""Runs the embedded Postgres 18, on a unix socket only."""

import asyncio
import errno
import hashlib
import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import asyncpg

from makima_local import private_files
from makima_local.account import Account, UnreachableError, account, run_as
from makima_local.embedded import Embedded, ExitedError, ServerFailedError
from makima_local.postgres_binaries import binaries
from makima_local.server import EXIT_POLL_SECONDS, ServerProcess

SUPERUSER = "postgres"
DATABASE = "makima"  # the one of `makima up`
SOCKET_NAME = ".s.PGSQL.5432"
OLD_BACKENDS_EXIT_SECONDS = (
    10.0  # seconds: right after a kill they still hold the shared memory, and Postgres refuses to start
)
PID_FILE_LINES = 7  # pid, folder, start, port, socket, address, key of the shared memory
MAX_SOCKET_PATH_BYTES = 103  # macOS; Linux allows four more
# In a list of folders, and in the host of a URL, these would end or separate them.
UNFIT_IN_SOCKET_PATH = frozenset("'\"\\,")
SETTINGS: dict[str, str] = {
    "port": "5432",  # of the socket's name: PGPORT in the environment does not hold here
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
}
# For tests that lose nothing when the machine goes down: a killed *process* still loses nothing.
HASTY = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
}


class Postgres(Embedded):
    """The Postgres server of one data folder. `durable` False turns fsync off (see `HASTY`)."""

    title: ClassVar[str] = "postgres"
    pid_file_name: ClassVar[str] = "postmaster.pid"
    stop_signal: ClassVar[signal.Signals] = (
        signal.SIGINT
    )  # a fast shutdown: open transactions are rolled back, a checkpoint is written
    tie_signal: ClassVar[signal.Signals] = signal.SIGQUIT  # killed, it would leave shared memory behind

    def __init__(self, folder: Path, *, durable: bool = True, tied: bool = False) -> None:
        super().__init__(folder, tied=tied)
        self._durable = durable

    @property
    def mark(self) -> str:
        return str(self.folder)

    @property
    def sockets(self) -> Path:
        """The folder of the socket: the data folder,
        or one with a short, plain path if the data folder's path is too long or has quotes or commas.
        """
        path = str(self.folder / SOCKET_NAME)
        if len(path.encode()) <= MAX_SOCKET_PATH_BYTES and UNFIT_IN_SOCKET_PATH.isdisjoint(path):
            return self.folder
        return Path("/tmp") / f"makima-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]}"  # noqa: S108 — its owner is checked

    def dsn(self, database: str = SUPERUSER, role: str = SUPERUSER) -> str:
        """The URL of a database, for a role. It names what PGPORT, PGSSLMODE and the like in a client's environment would
        otherwise decide.
        """
        place = f"host={quote(str(self.sockets), safe='/')}&port=5432"
        return f"postgresql://{role}@/{database}?{place}&sslmode=disable&target_session_attrs=any"

    async def start(self, timeout: float = 60.0) -> bool:
        deadline = time.monotonic() + timeout
        self._process = self._find()
        if self._process:
            self.thaw()
            await self._accepting(deadline)
            return True
        user = account()
        await asyncio.to_thread(self._prepare, user)
        command = [str(binaries(user) / "postgres"), "-D", str(self.folder)]
        patient_until = time.monotonic() + OLD_BACKENDS_EXIT_SECONDS
        while True:
            self._process = ServerProcess.start(command, log=self.log, account=user, tied=self._tie)
            with suppress(ExitedError):
                await self._accepting(deadline)
                return False
            if time.monotonic() > patient_until:
                raise self._failed("ended at once")
            await asyncio.sleep(0.1)

    async def stop(self, timeout: float = 10.0) -> None:
        await super().stop(timeout)
        if self.sockets != self.folder:
            with suppress(OSError):
                self.sockets.rmdir()

    async def ensure_database(self, name: str) -> str:
        """Creates the database if it is missing; returns its DSN."""
        connection = await asyncpg.connect(self.dsn())
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
                await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()
        return self.dsn(name)

    def _prepare(self, user: Account) -> None:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        if blocked := user.barrier(self.folder.parent):
            raise UnreachableError(
                f"Postgres runs as the user {user.name}, who has no access to {blocked}: choose another data folder"
            )
        if not (self.folder / "PG_VERSION").exists():
            self._initialise(user)
        user.own(self.sockets)
        settings = (
            SETTINGS | {"unix_socket_directories": str(self.sockets)} | ({} if self._durable else HASTY)
        )
        lines = [f"{name} = '{value}'" for name, value in settings.items()]
        config = self.folder / "postgresql.conf"
        text = "\n".join(["# Generated by makima at each start.", *lines, ""])
        private_files.replace(config, text, (user.uid, user.gid))
        self._drop_stale_locks(user)

    def _initialise(self, user: Account) -> None:
        """Runs initdb in a temporary folder, which is then renamed:
        an initdb that is killed leaves no half-made folder.
        """
        making = self.folder.with_name(f".{self.folder.name}.new")
        shutil.rmtree(making, ignore_errors=True)
        user.own(making)
        place = [
            str(binaries(user) / "initdb"),
            "-D",
            str(making),
            "-U",
            SUPERUSER,
            "--auth=trust",
            "--no-instructions",
        ]
        text = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        done = run_as(user, [*place, *text, *([] if self._durable else ["--no-sync"])])
        if done.returncode != 0:
            raise ServerFailedError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
        making.rename(self.folder)

    def _drop_stale_locks(self, user: Account) -> None:
        """Makes lock files harmless that a power cut has left. Our own lock on the data folder, and `_find`, prove
        that no server runs here; but Postgres refuses to start over a file that is empty or torn, or whose pid
        somebody else has now (another process, or a thread of one).

        From a whole pid file only the pid is taken: its other lines let Postgres see whether children of a killed
        server still use the shared memory. Our own pid stands for none, as the server ignores its parent's. The folder
        is the server's user's, who may have put a link there: it is not followed.
        """
        (self.sockets / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
        pid_file = self.folder / self.pid_file_name
        try:
            lines = private_files.read(pid_file).splitlines(keepends=True)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            lines = []
        whole = len(lines) >= PID_FILE_LINES and lines[0].strip().isascii() and lines[0].strip().isdigit()
        if whole:
            private_files.replace(pid_file, "".join((f"{os.getpid()}\n", *lines[1:])), (user.uid, user.gid))
        else:
            pid_file.unlink()

    async def _accepting(self, deadline: float) -> None:
        """Waits until the server accepts connections; after a crash it recovers first.

        Raises `ExitedError` if the process ended, and `ServerFailedError` at the deadline.
        """
        while time.monotonic() < deadline:
            if not self._started.alive():
                raise ExitedError
            with suppress(OSError, TimeoutError, asyncpg.PostgresError):
                connection = await asyncpg.connect(self.dsn(), timeout=2.0)
                await connection.close(timeout=2.0)
                return
            await asyncio.sleep(EXIT_POLL_SECONDS)
        raise self._failed(f"(pid {self.pid}) does not answer on {self.sockets}")
