"""Runs the embedded Postgres 18, on a unix socket only."""

import asyncio
import hashlib
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import asyncpg
import psutil

from makima_local import private_files
from makima_local.account import Account, UnreachableError, account, run_as
from makima_local.embedded import Embedded, ExitedError, ServerFailedError
from makima_local.postgres_binaries import binaries
from makima_local.server import EXIT_POLL_SECONDS, ServerProcess

SUPERUSER = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"
OLD_BACKENDS_EXIT_SECONDS = (
    10.0  # seconds: right after a kill they still hold the shared memory, and Postgres refuses to start
)
MAX_SOCKET_PATH_BYTES = 103  # macOS; Linux allows four more
SETTINGS: dict[str, str] = {
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
        or one with a short path if the data folder's path is too long.
        """
        if len(str(self.folder / SOCKET_NAME).encode()) <= MAX_SOCKET_PATH_BYTES:
            return self.folder
        return Path("/tmp") / f"makima-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]}"  # noqa: S108 — its owner is checked

    def dsn(self, database: str = SUPERUSER) -> str:
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self.sockets), safe='/')}"

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
        self._drop_misleading_pid()

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

    def _drop_misleading_pid(self) -> None:
        """Removes a stale pid file whose pid another process has now, because Postgres would refuse to start.

        Postgres itself recognises any other stale pid file.
        """
        pid_file = self.folder / self.pid_file_name
        with suppress(OSError, ValueError, IndexError):
            if psutil.pid_exists(int(pid_file.read_text().split()[0])):
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
