"""The appender: one call for many callers, and one clear outcome for each of them."""

import asyncio
import random

import asyncpg
import pytest
import uvloop
from makima_kernel.event_log.append import Appended, Conflict, Outcome
from makima_kernel.event_log.append_connection import UnstorableError
from makima_kernel.event_log.appender import Appender, LogUnavailableError, OverloadedError
from makima_kernel.event_log.log import Log
from makima_kernel.testing import eventually
from prometheus_client import REGISTRY

from tests.kernel.event_log.append_builders import command, event, running
from tests.kernel.event_log.append_lock import BLOCKED, LOCK, UNLOCK


async def test_concurrent_commands_share_calls(database: str, pool: asyncpg.Pool) -> None:
    heard: list[int] = []
    async with running(database, on_append=heard.append, lines=2) as appender:
        await appender.append(command("contract-first"))
        outcomes = await asyncio.gather(
            *(appender.append(command(f"contract-{number}", event(), expected=0)) for number in range(100))
        )
    assert sorted(outcome.position for outcome in outcomes if isinstance(outcome, Appended)) == list(
        range(1, 101)
    )
    assert sorted(heard) == [50, 100], "a hundred at once are one call a line, and one poke each"
    assert await Log(pool).head() == 100


async def test_on_one_line_a_crowd_is_one_call(database: str, pool: asyncpg.Pool) -> None:
    heard: list[int] = []
    async with running(database, on_append=heard.append, lines=1) as appender:
        await appender.append(command("contract-first"))
        await asyncio.gather(
            *(appender.append(command(f"contract-{number}", event(), expected=0)) for number in range(100))
        )
    assert heard == [100]


async def test_of_many_at_once_on_one_stream_one_is_first(database: str) -> None:
    """Which one, nobody promises: the lines race."""
    async with running(database) as appender:
        outcomes = await asyncio.gather(
            *(appender.append(command("contract-a", event(), expected=0)) for _ in range(5))
        )
    assert outcomes.count(Conflict(actual=1)) == 4
    assert outcomes.count(Appended(version=1, position=1, first_position=1)) == 1


async def test_one_command_sent_twice_at_once_is_stored_once(database: str, pool: asyncpg.Pool) -> None:
    twice = command("contract-a", event())
    async with running(database) as one, running(database) as other:
        outcomes = await asyncio.gather(
            one.append(twice), one.append(twice), other.append(twice), other.append(twice)
        )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "Appended",
        "Duplicate",
        "Duplicate",
        "Duplicate",
    ]
    assert await Log(pool).head() == 1


async def test_nobody_is_woken_for_nothing(database: str) -> None:
    heard: list[int] = []
    async with running(database, on_append=heard.append) as appender:
        await appender.append(command("contract-a"))
        await appender.append(command("contract-a", event(), expected=7))
    assert heard == []


async def test_a_value_that_cannot_be_stored_fails_its_own_command_only(
    database: str, pool: asyncpg.Pool
) -> None:
    async with running(database) as appender:
        outcomes = await asyncio.gather(
            appender.append(command("contract-a", event())),
            appender.append(command("contract-b", event(b"not json"))),
            appender.append(command("contract-\0", event())),
            appender.append(command("contract-d", event(b'"\xff"'))),
            appender.append(command("contract-e", event())),
            return_exceptions=True,
        )
    assert [type(outcome) for outcome in outcomes] == [
        Appended,
        UnstorableError,
        UnstorableError,
        UnstorableError,
        Appended,
    ]
    assert await Log(pool).head() == 2


async def test_what_no_index_can_hold_is_told_at_once_and_stalls_nobody(
    database: str, pool: asyncpg.Pool
) -> None:
    async with running(database) as appender:
        outcomes = await asyncio.gather(
            appender.append(command("contract-a", event(), tenant=random.Random(1).randbytes(4096).hex())),
            appender.append(command("contract-b", event())),
            return_exceptions=True,
        )
        assert appender.session == 0, "the line was not cut"
    assert [type(outcome) for outcome in outcomes] == [UnstorableError, Appended]


async def on_its_way(
    appender: Appender, pool: asyncpg.Pool, stream: str, lines: int
) -> asyncio.Task[Outcome]:
    """A command that waits for the lock; it is the `lines`-th that does."""
    sent = asyncio.create_task(appender.append(command(stream, event())))
    await eventually(
        lambda: pool.fetchval(
            f"select count(*) = {lines} from pg_locks where locktype = 'advisory' and not granted"
        )
    )
    return sent


async def test_a_full_queue_refuses_at_once(database: str, pool: asyncpg.Pool) -> None:
    async with running(database, max_waiting=3, lines=2) as appender, pool.acquire() as holder:
        await holder.execute(LOCK)
        sent = [await on_its_way(appender, pool, f"contract-way-{lines}", lines) for lines in (1, 2)]
        sent += [
            asyncio.create_task(appender.append(command(f"contract-{number}", event())))
            for number in range(3)
        ]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await appender.append(command("contract-x", event()))
        await holder.execute(UNLOCK)
        assert all(isinstance(outcome, Appended) for outcome in await asyncio.gather(*sent))


async def test_draining_finishes_what_was_queued_and_takes_nothing_new(
    database: str, pool: asyncpg.Pool
) -> None:
    async with running(database) as appender, pool.acquire() as holder:
        await holder.execute(LOCK)
        queued = [
            asyncio.create_task(appender.append(command(f"contract-{number}", event())))
            for number in range(3)
        ]
        await eventually(lambda: pool.fetchval(BLOCKED))
        draining = asyncio.create_task(appender.drain())
        await asyncio.sleep(0)
        with pytest.raises(LogUnavailableError):
            await appender.append(command("contract-x", event()))
        await holder.execute(UNLOCK)
        await draining
        assert all(isinstance(outcome, Appended) for outcome in await asyncio.gather(*queued))


async def test_who_waits_when_the_owner_is_cancelled_is_told(database: str, pool: asyncpg.Pool) -> None:
    appender = Appender(lambda: asyncpg.connect(database))
    owner = asyncio.create_task(appender.run())
    async with pool.acquire() as holder:
        await holder.execute(LOCK)
        waiting = [asyncio.create_task(appender.append(command("contract-a", event()))) for _ in range(2)]
        await eventually(lambda: pool.fetchval(BLOCKED))
        owner.cancel()
        assert [type(outcome) for outcome in await asyncio.gather(*waiting, return_exceptions=True)] == [
            LogUnavailableError
        ] * 2
        await holder.execute(UNLOCK)


async def test_how_long_an_append_took_is_measured_finer_than_a_millisecond(database: str) -> None:
    """Services run on uvloop, whose clock has whole milliseconds: most appends took 0 or 1 of them."""

    async def append() -> None:
        async with running(database) as appender:
            await appender.append(command("contract-a", event()))

    before = seconds_of_appends()
    await asyncio.to_thread(uvloop.run, append())
    took = 1000 * (seconds_of_appends() - before)
    assert took > 0
    assert abs(took - round(took)) > 1e-6


def seconds_of_appends() -> float:
    value = REGISTRY.get_sample_value("makima_append_seconds_sum")
    assert value is not None
    return value
