"""A command in a process group of its own: started, told of signals, and ended with all that it started."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from makima_local.parent import dies_with_parent

from makima_cli.run.output import Pump, written

STOPPING: Final = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT")
# Not all of them are everywhere: this module can be imported on Windows, too.
PASSED_ON: Final = tuple(
    signal.Signals[name] for name in (*STOPPING, "SIGUSR1", "SIGUSR2") if hasattr(signal, name)
)
STOPPED_BY: Final = frozenset(each for each in PASSED_ON if each.name in STOPPING)
COMMAND_GRACE_SECONDS: Final = 5.0  # between SIGTERM and SIGKILL, when the command must not go on
LAST_OUTPUT_SECONDS: Final = 2.0  # of waiting for more: what it started may hold its output open


class Child:
    """The command. `stop_asked` is true once somebody told us, and so it, to end: that is no crash."""

    def __init__(self) -> None:
        self.stop_asked = False
        self._process: Process | None = None
        self._pumps: list[Pump] = []
        self._early: list[signal.Signals] = []  # that came before it had started

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def pass_signals_on(self) -> None:
        """From now on, also those that come before it has started."""
        loop = asyncio.get_running_loop()
        for number in PASSED_ON:
            loop.add_signal_handler(number, self._pass_on, number)

    async def start(
        self, command: Sequence[str], env: Mapping[str, str], notify: Callable[[str], None]
    ) -> None:
        """`notify` is called on the event loop with each line that it writes. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        pipes = os.pipe(), os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                env=env,
                stdout=pipes[0][1],
                stderr=pipes[1][1],
                process_group=0,
                preexec_fn=dies_with_parent(),  # a kill -9 of us must not leave it behind
            )
        except BaseException:
            for read, _ in pipes:
                os.close(read)
            raise
        finally:
            for _, write in pipes:
                os.close(write)

        def notify_later(text: str) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(notify, text)

        self._pumps = [
            Pump(read, target, notify_later) for (read, _), target in zip(pipes, (1, 2), strict=True)
        ]
        for pump in self._pumps:
            pump.start()
        for number in self._early:
            self._signal(number)

    async def wait(self) -> int:
        """Its exit code as a shell tells it: 128 + the signal that ended it. All that it wrote is written then, and
        what it left behind in its group is ended.
        """
        assert self._process is not None
        code = await self._process.wait()
        await written(self._pumps, LAST_OUTPUT_SECONDS, lambda: self.stop_asked)
        self._signal(signal.SIGTERM)
        if -code == signal.SIGINT and sys.stdin.isatty():
            self.stop_asked = True  # Ctrl-C goes to what is in the foreground, not to us
        return code if code >= 0 else 128 - code

    async def end(self) -> None:
        """It must not go on: SIGTERM to its group, and SIGKILL to what is left of it."""
        assert self._process is not None
        self._signal(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(COMMAND_GRACE_SECONDS):
                await self._process.wait()
        self._signal(signal.SIGKILL)
        await self._process.wait()

    def _pass_on(self, number: signal.Signals) -> None:
        self.stop_asked = self.stop_asked or number in STOPPED_BY
        if self._process is None:
            self._early.append(number)
        elif self._process.returncode is None:
            self._signal(number)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # macOS says so of a group that is gone
            os.killpg(self.pid, number)


@contextmanager
def terminal_handed_to(pid: int) -> Generator[None]:
    """While it runs, the command's group is in the foreground of the terminal, as a shell does it: else it would be
    stopped where it reads from it.
    """
    if not sys.stdin.isatty():
        yield
        return
    ignored = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        with suppress(OSError):
            os.tcsetpgrp(0, pid)
        yield
    finally:
        with suppress(OSError):
            os.tcsetpgrp(0, os.getpgrp())
        signal.signal(signal.SIGTTOU, ignored)
