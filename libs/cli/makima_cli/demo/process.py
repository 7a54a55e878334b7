"""Processes of the demo: a child ends when the pipe from its parent closes, so it never outlives the parent."""

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

CRASH: Final = b"accident\n"  # message on the pipe that makes the child kill itself
STDIN: Final = 0
PROCESS_STOP_TIMEOUT_SECONDS: Final = 3.0
PROCESS_SETTLED_SECONDS: Final = 4.0  # time after the start until a process counts as being at work


class Child:
    """One child process: `python -m <module> <arguments>`, in the process group of its parent."""

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self.frozen = False
        self._since = time.monotonic()
        self._process = process

    @classmethod
    async def start(
        cls, name: str, module: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> Self:
        """Start the process. `env` is added to the environment of this process, without its own token."""
        inherited = {name: value for name, value in os.environ.items() if name != "MAKIMA_TOKEN"}
        command = (sys.executable, "-m", module, *arguments)
        return cls(
            name,
            await asyncio.create_subprocess_exec(
                *command, env={**inherited, **(env or {})}, stdin=PIPE, preexec_fn=dies_with_parent()
            ),
        )

    @property
    def settled(self) -> bool:
        """True if it runs for more than `PROCESS_SETTLED_SECONDS` and is not frozen."""
        return not self.frozen and time.monotonic() - self._since > PROCESS_SETTLED_SECONDS

    async def ended(self) -> int:
        """Wait for its end. Returns the exit code; -N if signal N killed it."""
        return await self._process.wait()

    def crash(self) -> None:
        """Make the process kill itself with SIGKILL, without any cleanup."""
        if self._process.stdin is not None:
            self._process.stdin.write(CRASH)

    def freeze(self) -> None:
        self.frozen = True
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.frozen = False
        self._signal(signal.SIGCONT)

    async def stop(self, patience: float = PROCESS_STOP_TIMEOUT_SECONDS) -> None:
        """End the process: SIGTERM, and SIGKILL if it still runs after `patience` seconds."""
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
    """Print a line with the UTC time on stdout, which is the log of the fleet."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", flush=True)


def run_until_stopped(main: Coroutine[object, object, T], *, parent: bool = True) -> T | None:
    """Run `main` until it ends, SIGTERM or SIGINT arrives, or (with `parent`, for a `Child`) the parent has
    ended.

    Returns the result of `main`; None if it was stopped.
    """

    async def cancellable() -> T:
        task = asyncio.ensure_future(main)

        def leave() -> None:
            """Cancel `main` once. Ctrl-C reaches the whole process group, and the parent then sends SIGTERM,
            too: a second cancellation would interrupt the cleanup.
            """
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
    """Wait for a crash message or the end of the pipe. Reads the file descriptor directly: a thread that
    waits in `sys.stdin` holds the lock of its buffer, so that the interpreter could not shut down.
    """
    while received := os.read(STDIN, 100):
        if CRASH in received:
            os.kill(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGTERM)
