"""Guarantee 2: positions have no gaps, and who reads after the last position it saw misses nothing, whatever
happens around it.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count

import asyncpg
import pytest
from makima_kernel.event_log.append import Appended
from makima_kernel.event_log.append_connection import UnstorableError
from makima_kernel.event_log.appender import Appender
from makima_kernel.event_log.log import Log
from makima_schemas.envelope import Recorded

from tests.background import end
from tests.kernel.event_log.append_builders import call, command, event, running

WRITERS = 8
COMMANDS = 150


@asynccontextmanager
async def tailing(log: Log) -> AsyncGenerator[list[Recorded]]:
    """A reader that always asks for what comes after its last event; at the end it has caught up with the
    log.
    """
    seen: list[Recorded] = []
    over = asyncio.Event()

    async def read() -> None:
        while True:
            last_round = over.is_set()
            piece = await log.after(seen[-1].position if seen else 0, limit=50)
            seen.extend(piece)
            if last_round and not piece:
                return
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        yield seen
        over.set()


async def write(appender: Appender, writer: int) -> int:
    """One writer's commands: on a stream of its own and, now and then, on one that all fight for; some cannot
    be stored at all.
    """
    stored = 0
    for number in range(COMMANDS):
        stream = "contract-shared" if number % 5 == 0 else f"contract-{writer}"
        events = [event() for _ in range(number % 4)]
        if number % 11 == 0:
            with pytest.raises(UnstorableError):
                await appender.append(command(stream, *events, event(b"not json")))
        outcome = await appender.append(command(stream, *events, expected=None if number % 7 else number))
        stored += len(events) if isinstance(outcome, Appended) else 0
    return stored


async def roll_back_forever(dsn: str) -> None:
    """Takes positions and gives them back, in the middle of everything."""
    connection = await asyncpg.connect(dsn)
    for number in count():
        transaction = connection.transaction()
        await transaction.start()
        await call(connection, command(f"contract-undone-{number}", event(), event(), event()))
        await transaction.rollback()


async def test_a_tailing_reader_sees_every_position_once_and_in_order(
    database: str, pool: asyncpg.Pool
) -> None:
    log = Log(pool)
    async with (
        tailing(log) as seen,
        running(database) as one,
        running(database) as two,
        running(database) as three,
    ):
        undoing = asyncio.create_task(roll_back_forever(database))
        stored = sum(
            await asyncio.gather(*(write((one, two, three)[writer % 3], writer) for writer in range(WRITERS)))
        )
        await end(undoing)
    assert [e.position for e in seen] == list(range(1, stored + 1))
    versions: dict[str, list[int]] = {}
    for recorded in seen:
        versions.setdefault(recorded.stream, []).append(recorded.version)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in versions.values())
    assert not any(stream.startswith("contract-undone") for stream in versions)
    assert [e.recorded_at for e in seen] == sorted(e.recorded_at for e in seen)


async def test_an_open_transaction_elsewhere_delays_no_reader(database: str, pool: asyncpg.Pool) -> None:
    """Where positions come from sequences, readers must wait for the oldest open transaction, or skip what it
    commits later.
    """
    await pool.execute("create table elsewhere (id int)")
    log = Log(pool)
    async with running(database) as appender, pool.acquire() as foreign, foreign.transaction():
        await foreign.execute("insert into elsewhere values (1)")
        await foreign.fetch("select * from event_log.events")
        for position in range(1, 21):
            outcome = await appender.append(command("contract-a", event()))
            assert isinstance(outcome, Appended)
            assert outcome.position == position
            async with asyncio.timeout(60):
                assert [e.position for e in await log.after(position - 1)] == [position]


async def test_a_crash_in_the_middle_of_an_append_leaves_no_gap(database: str, pool: asyncpg.Pool) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute("begin")
    await call(connection, command("contract-a", event(), event()))
    await pool.execute("select pg_terminate_backend($1)", connection.get_server_pid())
    async with running(database) as appender:
        assert await appender.append(command("contract-a", event(), expected=0)) == Appended(
            version=1, position=1, first_position=1
        )
