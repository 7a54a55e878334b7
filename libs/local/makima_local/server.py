"""The process of an embedded server: started by this process,
or found running after its starter has ended.
"""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from makima_local import log_file
from makima_local.account import OURS, Account
from makima_local.parent import dies_with_parent
from makima_local.signals import family, stopped

EXIT_POLL_SECONDS = 0.01  # seconds


def lives(pid: int) -> bool:
    """True if this process runs.

    A zombie, which has ended but was not reaped by its parent, does not count.
    """
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        # A process whose first thread has ended is reported as a zombie while other threads still run.
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    return False


class ServerProcess:
    """A handle of a process that never refers to another process which got the same pid later."""

    def __init__(self, process: psutil.Process, child: "subprocess.Popen[bytes] | None" = None) -> None:
        self._process = process
        self._child = child

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        *,
        log: Path,
        account: Account | None = None,
        tied: signal.Signals | None = None,
    ) -> "ServerProcess":
        """Starts the command in a session of its own, so that Ctrl-C at the terminal does not reach it.

        `account`: the user to run it as. `tied`: the signal that it gets when this process ends; None: none.
        """
        identity = account.identity if account else OURS
        with log_file.opened(log) as out:
            child = subprocess.Popen(
                command,
                cwd="/",
                # Without our settings, of which some are secrets and none is the server's.
                env={name: value for name, value in os.environ.items() if not name.startswith("MAKIMA_")},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=dies_with_parent(tied) if tied else None,  # noqa: PLW1509 - one system call
                **identity,
            )
        return cls(psutil.Process(child.pid), child)

    @classmethod
    def find(cls, pid_file: Path, mark: str) -> "ServerProcess | None":
        """The process of a pid file, if it runs and has the argument `mark` in its command line; else None.

        Without `mark`, another process that got the same pid later could be taken for the server.
        """
        with suppress(OSError, ValueError, IndexError, psutil.Error):
            process = psutil.Process(int(pid_file.read_text().split()[0]))
            found = cls(process)
            if mark in process.cmdline() and found.alive():
                return found
        return None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def uid(self) -> int | None:
        """The user that it runs as; None if it has ended."""
        with suppress(psutil.Error):
            return self._process.uids().real
        return None

    def alive(self) -> bool:
        if self._child:
            return self._child.poll() is None
        return self._process.is_running() and lives(self.pid)

    def send(self, what: signal.Signals, *, family: bool = False) -> None:
        """Sends a signal, with `family` also to all its children. Does nothing if the process has ended."""
        with suppress(psutil.Error):
            members = [self._process, *(self._process.children(recursive=True) if family else [])]
            for member in members:
                with suppress(psutil.Error):
                    member.send_signal(what)

    async def freeze(self) -> None:
        """Stops it with all its children, and waits until they stand still."""
        self.send(signal.SIGSTOP, family=True)
        await stopped(family(self.pid))

    async def gone(self, timeout: float) -> bool:
        """Waits until the process has ended; returns False if it has not after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while self.alive():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(EXIT_POLL_SECONDS)
        return True

    async def end(self, *ways: tuple[signal.Signals, float]) -> None:
        """Sends each signal and waits for its number of seconds; finally sends SIGKILL."""
        self.send(signal.SIGCONT, family=True)  # a stopped process handles no other signal but SIGKILL
        for how, patience in ways:
            self.send(how)
            if await self.gone(patience):
                return
        self.send(signal.SIGKILL, family=True)
        await self.gone(5.0)
