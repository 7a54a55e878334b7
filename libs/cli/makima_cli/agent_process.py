"""Runs what an agent of the SDK does for a command, and ends the process as its errors say."""

import asyncio
import signal
from collections.abc import Awaitable
from contextlib import suppress
from typing import Final, TypeVar

from makima_sdk.problems import AgentLostError, SupersededError

from makima_cli import exits
from makima_cli.session import Session

R = TypeVar("R")

TERMINATED: Final = 128 + signal.SIGTERM


class Terminated(SystemExit):
    """SIGTERM came: the agent leaves, and the process ends as others do at it."""


def conclude(session: Session, work: Awaitable[R]) -> R:
    """`Session.conclude`, also at SIGTERM: the agent leaves first. One that is lost is exit 5 if another is in force
    or makima refuses it, and exit 8 if makima was away for too long.
    """
    try:
        return session.conclude(_until_terminated(work))
    except AgentLostError as lost:
        code = "SUPERSEDED" if isinstance(lost, SupersededError) else lost.because.upper()
        away = lost.because == "timeout"
        exits.exit_with(
            exits.UNREACHABLE if away else exits.REFUSED, code, str(lost), as_json=session.as_json
        )


async def _until_terminated(work: Awaitable[R]) -> R:
    loop, task, was_terminated = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()
    assert task is not None

    def terminate() -> None:
        was_terminated.set()
        task.cancel()

    with suppress(NotImplementedError, RuntimeError):  # Windows has no such signals; not in a thread
        loop.add_signal_handler(signal.SIGTERM, terminate)
    try:
        return await work
    except asyncio.CancelledError:
        if was_terminated.is_set():
            raise Terminated(TERMINATED) from None
        raise
