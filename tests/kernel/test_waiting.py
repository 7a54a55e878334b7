"""A wait for an event ends with the event or with its time, and says which."""

import asyncio

from makima_kernel.waiting import wait_with_timeout


async def test_an_event_that_is_set_ends_the_wait() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(wait_with_timeout(event, 60))
    await asyncio.sleep(0)
    event.set()
    assert await waiting


async def test_without_an_event_the_time_ends_the_wait() -> None:
    assert not await wait_with_timeout(asyncio.Event(), 0.001)
