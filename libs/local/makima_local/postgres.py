"""The embedded Postgres: one data folder, one server, on a unix socket only."""

import asyncio
import hashlib
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil

from makima_local.account import Account, UnreachableError, account, run_as
from makima_local.postgres_binaries import binaries
from makima_local.server import POLL, ServerFailedError, ServerProcess

SUPERUSER = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET = 103  # macOS; Linux allows four more
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
HASTY = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB", "max_wal_size": "1GB"}


class Postgres:
    """A Postgres on a data folder; whoever made the object need not be the one who started the server.

    `durable` False leaves fsync to the operating system. `tied`: it ends when we do, however we end.
    """

    def __init__(self, folder: Path, *, durable: bool = True, tied: bool = False) -> None:
        self.folder = folder.resolve()
        self._durable = durable
        self._tied = tied
        self._process: ServerProcess | None = None

    @property
    def sockets(self) -> Path:
        """Where the socket lies: the data folder, or a short folder if its path is too long for a socket."""
        if len(str(self.folder / SOCKET_NAME).encode()) <= LONGEST_SOCKET:
            return self.folder
        return Path("/tmp") / f"makima-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]}"  # noqa: S108 — its owner is checked

    def dsn(self, database: str = SUPERUSER) -> str:
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self.sockets), safe='/')}"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ServerFailedError(f"the Postgres at {self.folder} was not started")
        return self._process.pid

    def running(self) -> bool:
        """Does a server of this data folder run, whoever started it?"""
        return bool((self._process and self._process.alive()) or self._find())

    async def start(self, timeout: float = 60.0) -> bool:
        """Start it, or take over the one that still runs on this folder; returns whether it was found running."""
        deadline = time.monotonic() + timeout
        self._process = self._find()
        if self._process:
            self._process.send(signal.SIGCONT, family=True)
            await self._accepting(deadline)
            return True
        user = account()
        await asyncio.to_thread(self._prepare, user)
        while True:
            self._spawn(user)
            with suppress(_ExitedError):
                await self._accepting(deadline)
                return False
            if time.monotonic() > deadline - timeout + 10.0:  # right after a kill, old backends may hold the shared memory for a moment
                raise ServerFailedError(f"Postgres ended at once: {self._log_tail()}")
            await asyncio.sleep(0.1)

    async def stop(self, timeout: float = 10.0) -> None:
        """A fast shutdown: open transactions are rolled back, a checkpoint is written."""
        process = self._process or self._find()
        if process:
            await process.end((signal.SIGINT, timeout), (signal.SIGQUIT, 2.0))
        self._process = None

    async def kill(self) -> None:
        """As if the process crashed, with all of its backends."""
        if self._process:
            self._process.send(signal.SIGKILL, family=True)
            await self._process.gone(5.0)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def freeze(self) -> None:
        if self._process:
            self._process.send(signal.SIGSTOP, family=True)

    def thaw(self) -> None:
        if self._process:
            self._process.send(signal.SIGCONT, family=True)

    async def ensure_database(self, name: str) -> str:
        """The DSN of the database, which is created if missing."""
        connection = await asyncpg.connect(self.dsn())
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
                await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()
        return self.dsn(name)

    def _find(self) -> ServerProcess | None:
        return ServerProcess.find(self.folder / "postmaster.pid", str(self.folder))

    def _prepare(self, user: Account) -> None:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        if blocked := user.barrier(self.folder.parent):
            raise UnreachableError(f"Postgres runs as the user {user.name}, who may not enter {blocked}: choose another data folder")
        if not (self.folder / "PG_VERSION").exists():
            self._initialise(user)
        user.own(self.sockets)
        settings = SETTINGS | {"unix_socket_directories": str(self.sockets)} | ({} if self._durable else HASTY)
        lines = [f"{name} = '{value}'" for name, value in settings.items()]
        config = self.folder / "postgresql.conf"
        config.write_text("\n".join(["# Written by makima at each start.", *lines, ""]))
        config.chmod(0o644)
        self._drop_misleading_pid()

    def _initialise(self, user: Account) -> None:
        """Into a folder beside it, then renamed: an initdb that was killed halfway leaves nothing that looks finished."""
        making = self.folder.with_name(f".{self.folder.name}.new")
        shutil.rmtree(making, ignore_errors=True)
        user.own(making)
        command = [
            str(binaries(user) / "initdb"),
            "-D",
            str(making),
            "-U",
            SUPERUSER,
            "--auth=trust",
            "--encoding=UTF8",
            "--no-instructions",
        ]
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", *([] if self._durable else ["--no-sync"])]
        done = run_as(user, command)
        if done.returncode != 0:
            raise ServerFailedError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
        making.rename(self.folder)

    def _drop_misleading_pid(self) -> None:
        """A pid file whose pid is another process by now would keep Postgres from starting; every other stale one it recognises itself."""
        pid_file = self.folder / "postmaster.pid"
        with suppress(OSError, ValueError, IndexError):
            if psutil.pid_exists(int(pid_file.read_text().split()[0])):
                pid_file.unlink()

    def _spawn(self, user: Account) -> None:
        command = [str(binaries(user) / "postgres"), "-D", str(self.folder)]
        log = self.folder.with_name("postgres.log")
        self._process = ServerProcess.start(command, log=log, account=user, tied=signal.SIGQUIT if self._tied else None)

    async def _accepting(self, deadline: float) -> None:
        """Until it answers a query: after a crash it first recovers."""
        while time.monotonic() < deadline:
            if self._process and not self._process.alive():
                raise _ExitedError
            with suppress(OSError, TimeoutError, asyncpg.PostgresError):
                connection = await asyncpg.connect(self.dsn(), timeout=2.0)
                await connection.close(timeout=2.0)
                return
            await asyncio.sleep(POLL)
        raise ServerFailedError(f"Postgres (pid {self.pid}) does not answer on {self.sockets}: {self._log_tail()}")

    def _log_tail(self) -> str:
        with suppress(OSError):
            return " · ".join(self.folder.with_name("postgres.log").read_text(errors="replace").splitlines()[-3:])
        return "no log"


class _ExitedError(Exception):
    """The process ended while we waited for its first answer."""
