"""A reactor works until nothing is left, waits to be woken, polls, and outlives an outage."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from makima_kernel.event_log.append_connection import UnstorableError
from makima_kernel.event_log.appender import LogUnavailableError
from makima_kernel.service.reactor import Reactor

POLL_SECONDS = 3600.0


@asynccontextmanager
async def running(reactor: Reactor, react: Callable[[], Awaitable[bool]]) -> AsyncGenerator[None]:
    task = asyncio.create_task(reactor.run(react))
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_it_reacts_again_while_there_may_be_more_and_then_once_for_each_wake() -> None:
    reactor, left, idle = (
        Reactor(poll_seconds=POLL_SECONDS, unavailable_event="test.unavailable"),
        [1, 2, 3],
        asyncio.Event(),
    )

    async def react() -> bool:
        if left:
            left.pop()
            return True
        idle.set()
        return False

    async with running(reactor, react), asyncio.timeout(20):
        await idle.wait()
        assert not left
        idle.clear()
        left.append(4)
        reactor.wake()
        await idle.wait()
        assert not left


async def test_it_finds_what_nobody_announced() -> None:
    rounds, enough = 0, asyncio.Event()

    async def react() -> bool:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            enough.set()
        return False

    reactor = Reactor(poll_seconds=0.001, unavailable_event="test.unavailable")
    async with running(reactor, react), asyncio.timeout(20):
        await enough.wait()


async def test_an_outage_is_reported_and_tried_again_at_the_next_wake(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reactor, failed, done = (
        Reactor(poll_seconds=POLL_SECONDS, unavailable_event="test.unavailable"),
        asyncio.Event(),
        asyncio.Event(),
    )

    async def react() -> bool:
        if not failed.is_set():
            failed.set()
            raise LogUnavailableError("away")
        done.set()
        return False

    async with running(reactor, react), asyncio.timeout(20):
        await failed.wait()
        reactor.wake()
        await done.wait()
    assert "test.unavailable" in capsys.readouterr().out


async def test_what_is_no_outage_ends_it() -> None:
    async def react() -> bool:
        raise KeyError

    with pytest.raises(KeyError):
        await Reactor(poll_seconds=POLL_SECONDS, unavailable_event="test.unavailable").run(react)


async def test_a_row_that_the_database_does_not_take_does_not_end_it() -> None:
    rounds, enough = 0, asyncio.Event()

    async def react() -> bool:
        nonlocal rounds
        rounds += 1
        if rounds > 1:
            enough.set()
            return False
        raise UnstorableError("interval out of range")

    async with (
        running(Reactor(poll_seconds=0.001, unavailable_event="test.unavailable"), react),
        asyncio.timeout(20),
    ):
        await enough.wait()
