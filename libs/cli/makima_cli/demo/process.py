"""Parents and children: a child is told to go by its parent's end of a pipe, and never outlives it."""

import asyncio
import os
import signal
import sys
import threading
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, Self, TypeVar

from makima_local.parent import dies_with_parent

T = TypeVar("T")

CRASH: Final = b"accident\n"
STDIN: Final = 0
PROCESS_STOP_TIMEOUT_SECONDS: Final = 3.0
PROCESS_SETTLED_SECONDS: Final = 4.0


class Child:
    """One child process: `python -m <module> <arguments>`, in our process group."""

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self.frozen = False
        self._since = time.monotonic()
        self._process = process

    @classmethod
    async def start(cls, name: str, module: str, *arguments: str, env: Mapping[str, str] | None = None) -> Self:
        """`env` comes on top of ours."""
        command = (sys.executable, "-m", module, *arguments)
        return cls(
            name,
            await asyncio.create_subprocess_exec(*command, env={**os.environ, **(env or {})}, stdin=PIPE, preexec_fn=dies_with_parent()),
        )

    @property
    def settled(self) -> bool:
        """Whether it has had the time to find into its work."""
        return not self.frozen and time.monotonic() - self._since > PROCESS_SETTLED_SECONDS

    async def ended(self) -> int:
        """Its exit code; negative for the signal that killed it."""
        return await self._process.wait()

    def crash(self) -> None:
        """It kills itself, in the middle of whatever it does."""
        if self._process.stdin is not None:
            self._process.stdin.write(CRASH)

    def freeze(self) -> None:
        self.frozen = True
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.frozen = False
        self._signal(signal.SIGCONT)

    async def stop(self, patience: float = PROCESS_STOP_TIMEOUT_SECONDS) -> None:
        """Ask, wait, insist."""
        self.thaw()
        self._signal(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self.ended()
                return
        self._signal(signal.SIGKILL)
        await self.ended()

    def _signal(self, what: signal.Signals) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(what)


def say(text: str) -> None:
    """For the fleet's log."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", flush=True)


def run_until_stopped(main: Coroutine[object, object, T], *, parent: bool = True) -> T | None:
    """The life of a process: `main`, until it ends, or we are told to stop, or, where a `Child` it is, the parent is gone.

    Answers what `main` does; None: it was told to stop.
    """

    async def cancellable() -> T:
        task = asyncio.ensure_future(main)

        def leave() -> None:
            """Ctrl-C reaches everybody, and then the parent asks, too: the second time must not cut the leave-taking short."""
            if not task.cancelling():
                task.cancel()

        for what in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(what, leave)
        return await task

    if parent:
        threading.Thread(target=_listen_to_parent, daemon=True, name="parent").start()
    with suppress(asyncio.CancelledError, KeyboardInterrupt):
        return asyncio.run(cancellable())
    return None


def _listen_to_parent() -> None:
    """Read below `sys.stdin`: its buffer is locked while a thread waits in it, and Python would not end."""
    while told := os.read(STDIN, 100):
        if CRASH in told:
            os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGTERM)
