"""Freezes a program that a runner keeps."""

import signal

from makima_local.processes import Runner
from makima_local.signals import family, stopped


async def freeze(runner: Runner, name: str) -> None:
    """Stops it with its children, and waits until they stand still; `Runner.send` with SIGCONT lets it go on."""
    runner.send(name, signal.SIGSTOP)
    await stopped(family(runner.pids[name]))
