"""Waits for an `asyncio.Event` with a timeout, for loops that are woken by it and poll as a fallback."""

import asyncio
from contextlib import suppress


async def wait_with_timeout(event: asyncio.Event, seconds: float) -> bool:
    """Waits up to `seconds`. True if the event is set; neither clears it nor raises `TimeoutError`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
