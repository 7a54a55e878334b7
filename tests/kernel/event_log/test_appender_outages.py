"""The appender while the log is away, damaged or cut off: it waits, and the outcome is the first."""

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement
from makima_kernel.event_log.append import Appended, Duplicate, Outcome
from makima_kernel.event_log.appender import Appender, LogUnavailableError
from makima_kernel.event_log.log import Log
from makima_kernel.testing import eventually

from tests.kernel.event_log.append_builders import command, event, running
from tests.kernel.event_log.append_lock import BLOCKED, LOCK, UNLOCK


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

        async def outcome() -> Outcome | None:
            """As a caller learns it: by asking again, under the same id."""
            with suppress(LogUnavailableError):
                return await appender.append(late)
            return None

        await holder.execute(LOCK)
        assert await outcome() is None
        await holder.execute(UNLOCK)
        assert isinstance(await eventually(outcome), Appended | Duplicate)
    assert await Log(pool).head() == 1


async def test_a_log_that_is_read_but_takes_no_write_is_told_until_it_does(
    database: str, pool: asyncpg.Pool
) -> None:
    """A check that only reads says that all is well."""
    async with running(database, slow=0.1) as appender, pool.acquire() as holder:
        await appender.append(command("contract-a", event()))
        assert appender.ready() is None
        await holder.execute(LOCK)
        waiting = asyncio.create_task(appender.append(command("contract-a", event())))
        assert "taken no write" in str(await eventually(appender.ready))
        await holder.execute(UNLOCK)
        assert isinstance(await waiting, Appended)
        await eventually(lambda: appender.ready() is None)


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
