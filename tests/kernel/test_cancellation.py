"""A cancellation that a library swallowed still ends the loop."""

import asyncio

import pytest
from makima_kernel.cancellation import raise_if_cancelled


async def test_a_swallowed_cancellation_is_noticed_at_the_head_of_the_loop() -> None:
    answer = asyncio.get_running_loop().create_future()
    rounds = 0

    async def loop() -> None:
        nonlocal rounds
        while True:
            raise_if_cancelled()
            rounds += 1
            try:
                await asyncio.wait_for(answer, 60)
            except asyncio.CancelledError:  # what a library does to us
                continue

    task = asyncio.create_task(loop())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 20)
    assert rounds == 1


async def test_a_loop_that_nobody_cancelled_goes_on() -> None:
    raise_if_cancelled()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.get_running_loop().create_future()
    raise_if_cancelled()
