"""Processes of the fleet."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from makima_local.parent import dies_with_parent


class Child:
    """One child process, in the process group of its parent. It dies with it."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, command: tuple[str, ...], env: Mapping[str, str], folder: Path) -> Self:
        """Start the process. `env` is added to the environment of this process, without its own token."""
        inherited = {name: value for name, value in os.environ.items() if name != "MAKIMA_TOKEN"}
        return cls(
            await asyncio.create_subprocess_exec(
                *command,
                env={**inherited, **env},
                cwd=folder,
                stdin=DEVNULL,
                preexec_fn=dies_with_parent(),
            )
        )

    async def ended(self) -> int:
        """Wait for its end. Returns the exit code; -N if signal N killed it."""
        return await self._process.wait()

    async def stop(self, patience: float) -> None:
        """End the process: SIGTERM, and SIGKILL if it still runs after `patience` seconds."""
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


def run_until_stopped(main: Coroutine[object, object, None]) -> None:
    """Run `main` until it ends, or SIGTERM or SIGINT arrives."""

    async def cancellable() -> None:
        task = asyncio.ensure_future(main)

        def leave() -> None:
            """Cancel `main` once. Ctrl-C reaches the whole process group, and the parent then sends SIGTERM,
            too: a second cancellation would interrupt the cleanup.
            """
            if not task.cancelling():
                task.cancel()

        for what in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(what, leave)
        await task

    with suppress(asyncio.CancelledError, KeyboardInterrupt):
        asyncio.run(cancellable())
