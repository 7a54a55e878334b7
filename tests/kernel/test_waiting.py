"""A wait for an event ends with the event or with its time, and says which; one for several leaves none running."""

import asyncio

import pytest
from makima_kernel.waiting import gather_all, wait_with_timeout


async def test_an_event_that_is_set_ends_the_wait() -> None:
    event = asyncio.Event()
    waiting = asyncio.create_task(wait_with_timeout(event, 60))
    await asyncio.sleep(0)
    event.set()
    assert await waiting


async def test_without_an_event_the_time_ends_the_wait() -> None:
    assert not await wait_with_timeout(asyncio.Event(), 0.001)


async def test_of_several_the_first_error_is_raised_once_all_have_ended() -> None:
    done = list[str]()

    async def one(name: str, *, turns: int, error: Exception | None = None) -> str:
        for _ in range(turns):
            await asyncio.sleep(0)
        done.append(name)
        if error is not None:
            raise error
        return name

    assert await gather_all([one("a", turns=2), one("b", turns=0)]) == ["a", "b"]
    with pytest.raises(ConnectionError):
        await gather_all(
            [
                one("c", turns=9),
                one("d", turns=5, error=ConnectionError()),
                one("e", turns=0, error=ValueError()),
            ]
        )
    assert done == ["b", "a", "e", "d", "c"]
