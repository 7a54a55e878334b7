"""The appender: one call for many callers, and one clear outcome for each of them."""

import asyncio
import random
from typing import Any

import asyncpg
import pytest
from asyncpg.prepared_stmt import PreparedStatement
from makima_kernel.event_log.append import Appended, Conflict, Duplicate, Outcome
from makima_kernel.event_log.append_connection import UnstorableError
from makima_kernel.event_log.appender import Appender, LogUnavailableError, OverloadedError
from makima_kernel.event_log.log import Log
from makima_kernel.testing import eventually

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


async def test_a_log_that_has_no_place_yet_is_waited_for(database: str, pool: asyncpg.Pool) -> None:
    await pool.execute("alter table event_log.events detach partition event_log.events_p000000000000")
    paused = asyncio.Event()

    async def pause(_seconds: float) -> None:
        await pool.execute(
            "alter table event_log.events attach partition event_log.events_p000000000000 for values from (0) to (10000000)"
        )
        paused.set()

    appender = Appender(lambda: asyncpg.connect(database), pause=pause)
    async with asyncio.TaskGroup() as group:
        group.create_task(appender.run())
        assert isinstance(await appender.append(command("contract-a", event())), Appended)
        await appender.drain()
    assert paused.is_set()


DAMAGE = """
create function damaged() returns trigger language plpgsql as $$ begin raise 'invalid page' using errcode = 'XX001'; end $$;
create trigger damaged before insert on event_log.events for each row execute function damaged();
"""


async def test_a_damaged_log_is_no_fault_of_a_command(database: str, pool: asyncpg.Pool) -> None:
    """It waits, as for any log that cannot take it now, and is not told that it is wrong."""
    await pool.execute(DAMAGE)
    repaired = asyncio.Event()

    async def pause(_seconds: float) -> None:
        await pool.execute("drop function if exists damaged cascade")
        repaired.set()

    appender = Appender(lambda: asyncpg.connect(database), pause=pause)
    async with asyncio.TaskGroup() as group:
        group.create_task(appender.run())
        assert isinstance(await appender.append(command("contract-a", event())), Appended)
        await appender.drain()
    assert repaired.is_set()


async def test_a_cut_connection_is_made_again_and_the_answer_is_the_first(
    database: str, pool: asyncpg.Pool
) -> None:
    async with running(database) as appender:
        await appender.append(command("contract-a", event()))
        # Cut between two calls, then while a call waits for the lock.
        await pool.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where query like '%event_log.append(%' and pid <> pg_backend_pid()"
        )
        assert await appender.append(command("contract-a", event(), expected=1)) == Appended(
            version=2, position=2, first_position=2
        )
        async with pool.acquire() as holder:
            await holder.execute(LOCK)
            waiting = asyncio.create_task(appender.append(command("contract-a", event(), expected=2)))
            await eventually(lambda: pool.fetchval(BLOCKED))
            await pool.execute(
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and not granted"
            )
            await holder.execute(UNLOCK)
        assert await waiting == Appended(version=3, position=3, first_position=3)


class CutAfterTheFirstCommit(asyncpg.Connection):
    """A connection that breaks when the first call was committed, before its answer arrives."""

    answers_lost = 0

    async def prepare(self, *arguments: Any, **options: Any) -> Any:
        statement = await super().prepare(*arguments, **options)
        return statement if self.answers_lost else CutStatement(statement)


class CutStatement:
    def __init__(self, statement: PreparedStatement) -> None:
        self._statement = statement

    async def fetch(self, *arguments: object) -> list[asyncpg.Record]:
        await self._statement.fetch(*arguments)
        CutAfterTheFirstCommit.answers_lost += 1
        raise ConnectionResetError("cut after the commit")


async def test_an_answer_lost_on_the_way_is_given_again(database: str, pool: asyncpg.Pool) -> None:
    appender = Appender(lambda: asyncpg.connect(database, connection_class=CutAfterTheFirstCommit))
    async with asyncio.TaskGroup() as group:
        group.create_task(appender.run())
        assert await appender.append(command("contract-a", event())) == Duplicate(version=1, position=1)
        await appender.drain()
    assert CutAfterTheFirstCommit.answers_lost == 1
    assert await Log(pool).head() == 1


async def test_past_the_deadline_the_outcome_is_unknown_and_the_id_tells(
    database: str, pool: asyncpg.Pool
) -> None:
    late = command("contract-a", event())
    async with running(database, timeout=0.3) as appender, pool.acquire() as holder:
        await holder.execute(LOCK)
        with pytest.raises(LogUnavailableError):
            await appender.append(late)
        await holder.execute(UNLOCK)
        assert isinstance(await appender.append(late), Appended | Duplicate)
    assert await Log(pool).head() == 1


async def test_a_log_that_is_away_is_waited_for(database: str) -> None:
    attempts: list[float] = []

    async def connect() -> asyncpg.Connection:
        if len(attempts) < 3:
            raise ConnectionRefusedError("still starting")
        return await asyncpg.connect(database)

    async def pause(seconds: float) -> None:
        attempts.append(seconds)

    appender = Appender(connect, pause=pause)
    async with asyncio.TaskGroup() as group:
        group.create_task(appender.run())
        assert await appender.append(command("contract-a", event())) == Appended(
            version=1, position=1, first_position=1
        )
        await appender.drain()
    assert attempts == [0.05, 0.1, 0.2]


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
