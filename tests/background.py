"""Runs loops beside a test, and ends them with it."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Final

AGAIN_SECONDS: Final = 0.5


@asynccontextmanager
async def running(*loops: Coroutine[None, None, None]) -> AsyncGenerator[list[asyncio.Task[None]]]:
    """Yields their tasks, so that a test can kill one."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield tasks
    finally:
        await end(*tasks)


async def end(*tasks: asyncio.Task[None]) -> None:
    """Returns once they have ended. Raises what one of them failed with.

    They are cancelled again and again, as a loop may go on after the first time: nats-py, and `wait_for` before Python
    3.12, drop a cancellation (makima_kernel.cancellation).
    """
    living = set(tasks)
    while living:
        for task in living:
            task.cancel()
        _, living = await asyncio.wait(living, timeout=AGAIN_SECONDS)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
