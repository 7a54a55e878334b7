"""Runs loops beside a test, and ends them with it."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager


@asynccontextmanager
async def running(*loops: Coroutine[None, None, None]) -> AsyncGenerator[list[asyncio.Task[None]]]:
    """Yields their tasks, so that a test can kill one."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield tasks
    finally:
        await end(*tasks)


async def end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):  # it should have been the cancellation
            raise result
