"""Loops beside a test end with it, whatever a library does with their cancellation."""

import asyncio

import pytest

from tests import background


async def test_a_loop_that_drops_a_cancellation_ends_all_the_same() -> None:
    dropped = 0

    async def loop() -> None:
        nonlocal dropped
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if dropped:
                    raise
                dropped += 1

    async with background.running(loop()) as [task]:
        await asyncio.sleep(0)
    assert (dropped, task.cancelled()) == (1, True)


async def test_what_a_loop_failed_with_is_told() -> None:
    async def fail() -> None:
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        async with background.running(fail()):
            await asyncio.sleep(0)
