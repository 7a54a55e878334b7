"""What the embedded servers have in common: found, stopped, and (by tests) killed and frozen in the same way."""

import signal
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from makima_local import log_file
from makima_local.server import ServerProcess


class ExitedError(Exception):
    """The process ended while we waited for its first answer."""


class ServerFailedError(RuntimeError):
    """A server did not come up; says why, as far as its log tells."""


class Embedded(ABC):
    """One server on one data folder; whoever made the object need not be the one who started the server.

    `tied`: it ends when we do, however we end; otherwise it outlives a crash of ours, and the next one takes it over.
    """

    title: ClassVar[str]
    pid_file_name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]
    tie_signal: ClassVar[signal.Signals]  # what a tied one gets when we die

    def __init__(self, folder: Path, *, tied: bool) -> None:
        self.folder = folder.resolve()
        self._tie = self.tie_signal if tied else None
        self._process: ServerProcess | None = None

    @abstractmethod
    async def start(self, timeout: float = 60.0) -> bool:
        """Start it, or take over the one that still runs on this folder; returns whether it was found running.

        Raises `ServerFailedError` with the last words of its log.
        """

    @property
    @abstractmethod
    def mark(self) -> str:
        """What stands in the command line of a server of this folder and of no other."""

    @property
    def log(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.log")

    @property
    def pid(self) -> int:
        return self._started.pid

    def running(self) -> bool:
        """Does a server of this data folder run, whoever started it?"""
        return bool((self._process and self._process.alive()) or self._find())

    async def stop(self, timeout: float = 10.0) -> None:
        """Cleanly; after `timeout` seconds less so."""
        process = self._process or self._find()
        if process:
            await process.end((self.stop_signal, timeout), (signal.SIGQUIT, 2.0))
        self._process = None

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def kill(self) -> None:
        """As if it crashed."""
        self._started.send(signal.SIGKILL, family=True)
        await self._started.gone(5.0)

    def freeze(self) -> None:
        self._started.send(signal.SIGSTOP, family=True)

    def thaw(self) -> None:
        self._started.send(signal.SIGCONT, family=True)

    @property
    def _started(self) -> ServerProcess:
        if self._process is None:
            raise ServerFailedError(f"the {self.title} at {self.folder} was not started")
        return self._process

    def _find(self) -> ServerProcess | None:
        return ServerProcess.find(self.folder / self.pid_file_name, self.mark)

    def _failed(self, what: str) -> ServerFailedError:
        return ServerFailedError(f"{self.title} {what}: {log_file.last_words(self.log)} (log: {self.log})")
