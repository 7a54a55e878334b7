"""One server process: started by us, or found running after whoever started it died."""

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
from makima_local.account import Account
from makima_local.parent import dies_with_parent

EXIT_POLL_SECONDS = 0.01


def lives(pid: int) -> bool:
    """Does this process run? One that has ended and that its parent has not looked at yet does not."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1  # its first thread may end before the others
    return False


class ServerProcess:
    """A handle on a process that cannot mistake another process with the same, re-used pid for it."""

    def __init__(self, process: psutil.Process, child: "subprocess.Popen[bytes] | None" = None) -> None:
        self._process = process
        self._child = child

    @classmethod
    def start(
        cls, command: Sequence[str], *, log: Path, account: Account | None = None, tied: signal.Signals | None = None
    ) -> "ServerProcess":
        """Start it in a session of its own (Ctrl-C at our terminal is not meant for it); `tied`: it gets this signal when we die."""
        as_another = account if account and account.uid != os.geteuid() else None
        with log_file.opened(log) as out:
            child = subprocess.Popen(
                command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                user=as_another and as_another.uid,
                group=as_another and as_another.gid,
                extra_groups=[] if as_another else None,
                preexec_fn=dies_with_parent(tied) if tied else None,  # noqa: PLW1509 — it makes one system call
            )
        return cls(psutil.Process(child.pid), child)

    @classmethod
    def find(cls, pid_file: Path, mark: str) -> "ServerProcess | None":
        """The process a pid file names, if it lives and its command line has `mark` in it: pids are used again."""
        with suppress(OSError, ValueError, IndexError, psutil.Error):
            process = psutil.Process(int(pid_file.read_text().split()[0]))
            found = cls(process)
            if mark in process.cmdline() and found.alive():
                return found
        return None

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        if self._child:
            return self._child.poll() is None
        return self._process.is_running() and lives(self.pid)

    def send(self, what: signal.Signals, *, family: bool = False) -> None:
        """Send a signal, with `family` to its children, too; to one that is gone it is nothing."""
        with suppress(psutil.Error):
            members = [self._process, *(self._process.children(recursive=True) if family else [])]
            for member in members:
                with suppress(psutil.Error):
                    member.send_signal(what)

    async def gone(self, timeout: float) -> bool:
        """Wait until it has ended; False if it has not after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while self.alive():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(EXIT_POLL_SECONDS)
        return True

    async def end(self, *ways: tuple[signal.Signals, float]) -> None:
        """Try each signal for its seconds, then kill."""
        self.send(signal.SIGCONT, family=True)  # a frozen one hears nothing else
        for how, patience in ways:
            self.send(how)
            if await self.gone(patience):
                return
        self.send(signal.SIGKILL, family=True)
        await self.gone(5.0)
