"""The base class of the embedded servers: how to find, stop, and (in tests) kill and freeze one."""

import signal
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from makima_local import log_file
from makima_local.server import ServerProcess


class ExitedError(Exception):
    """The server process ended before it answered."""


class ServerFailedError(RuntimeError):
    """A server did not start; the message contains the last lines of its log."""


class Embedded(ABC):
    """One server on one data folder. It may have been started by another process than this one.

    `tied`: the server ends when this process ends, even if that is killed. Otherwise it survives a crash of
    this process, and the next one takes it over.
    """

    title: ClassVar[str]  # for messages
    pid_file_name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]  # requests a clean shutdown
    tie_signal: ClassVar[signal.Signals]  # sent to a tied server when this process ends

    def __init__(self, folder: Path, *, tied: bool) -> None:
        self.folder = folder.resolve()
        self._tie = self.tie_signal if tied else None
        self._process: ServerProcess | None = None

    @abstractmethod
    async def start(self, timeout: float = 60.0) -> bool:
        """Starts the server, or takes over the one that still runs on this folder;
        returns True if it was running.

        Raises `ServerFailedError` with the last lines of its log, at the latest after `timeout` seconds.
        """

    @property
    @abstractmethod
    def mark(self) -> str:
        """An argument that only a server of this folder has in its command line."""

    @property
    def log(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.log")

    @property
    def pid(self) -> int:
        return self._started.pid

    def running(self) -> bool:
        """True if a server of this data folder is running, whichever process started it."""
        return bool((self._process and self._process.alive()) or self._find())

    def needs_restart(self) -> str | None:
        """Why the server, which runs, has to be restarted; None if it need not."""
        return None

    async def stop(self, timeout: float = 10.0) -> None:
        """Stops the server cleanly; after `timeout` seconds with SIGQUIT, and 2 s later with SIGKILL."""
        process = self._process or self._find()
        if process:
            await process.end((self.stop_signal, timeout), (signal.SIGQUIT, 2.0))
        self._process = None

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def kill(self) -> None:
        """Kills the server with its children, as a crash would."""
        self._started.send(signal.SIGKILL, family=True)
        await self._started.gone(5.0)

    async def freeze(self) -> None:
        """Stops the server with its children until `thaw`; nothing of it answers any more when this returns."""
        await self._started.freeze()

    def thaw(self) -> None:
        self._started.send(signal.SIGCONT, family=True)

    @property
    def _started(self) -> ServerProcess:
        """The server process. Raises `ServerFailedError` if `start` was not called."""
        if self._process is None:
            raise ServerFailedError(f"the {self.title} in {self.folder} was not started")
        return self._process

    def _find(self) -> ServerProcess | None:
        return ServerProcess.find(self.folder / self.pid_file_name, self.mark)

    def _failed(self, what: str) -> ServerFailedError:
        return ServerFailedError(f"{self.title} {what}: {log_file.last_words(self.log)} (log: {self.log})")
