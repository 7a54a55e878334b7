"""Waits for an `asyncio.Event` with a timeout, and for several awaitables of which none is left running."""

import asyncio
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def wait_with_timeout(event: asyncio.Event, seconds: float) -> bool:
    """Waits up to `seconds`. True if the event is set; neither clears it nor raises `TimeoutError`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


async def gather_all(awaitables: Iterable[Awaitable[T]]) -> list[T]:
    """Runs them side by side until each has ended, then returns the results in order, or raises the first one's error.

    `asyncio.gather` raises at the first error, and the others go on beside whatever the caller does next.
    """
    results = await asyncio.gather(*awaitables, return_exceptions=True)
    for each in results:
        if isinstance(each, BaseException):
            raise each
    return [each for each in results if not isinstance(each, BaseException)]
