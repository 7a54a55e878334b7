"""Waits for an event with a limit, for loops that are woken and poll in case nobody wakes them."""

import asyncio
from contextlib import suppress


async def wait_with_timeout(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event is set, which may take up to `seconds`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
