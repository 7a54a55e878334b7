"""Guarantee 1: what was answered is in the log exactly once, and a repeated command id gets the first answer,
whatever is killed in between.
"""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import pytest
from makima_kernel.event_log.append import Append, Appended, Duplicate, Outcome
from makima_kernel.event_log.appender import Appender, LogUnavailableError
from makima_kernel.event_log.log import Log
from makima_kernel.event_log.migrate import KERNEL_FOLDER, KERNEL_SCHEMA, migrate
from makima_kernel.testing import eventually
from makima_schemas.envelope import Recorded

from tests.kernel.event_log.append_builders import command, event, running
from tests.servers import MakePostgres

CALLERS = 12


async def insist(appender: Appender, append: Append) -> Outcome:
    """As a caller does whose outcome is unknown: again under the same id, until it is told."""
    while True:
        try:
            return await appender.append(append)
        except LogUnavailableError:
            await asyncio.sleep(0)


@dataclass(slots=True)
class Ledger:
    """What callers were told, to be compared with the log afterwards."""

    answers: dict[UUID, Appended | Duplicate] = field(default_factory=dict[UUID, Appended | Duplicate])
    sent: dict[UUID, Append] = field(default_factory=dict[UUID, Append])
    over: bool = False

    async def call_on(self, appender: Appender, caller: int) -> None:
        """Sends command after command; one whose outcome is unknown again and again under its id."""
        number = 0
        while not self.over:
            number += 1
            append = command(f"contract-{caller}", *(event() for _ in range(number % 3)))
            self.sent[append.command_id] = append
            answer = await insist(appender, append)
            assert isinstance(answer, Appended | Duplicate)
            self.answers[append.command_id] = answer

    async def compare(self, log: Log, appender: Appender) -> None:
        recorded = [e for start in range(0, await log.head(), 1000) for e in await log.after(start, 1000)]
        assert [e.position for e in recorded] == list(range(1, len(recorded) + 1))
        events: dict[UUID, list[Recorded]] = {}
        for e in recorded:
            events.setdefault(e.command_id, []).append(e)
        assert events.keys() <= self.answers.keys()
        for command_id, answer in self.answers.items():
            append = self.sent[command_id]
            mine = events.get(command_id, [])
            assert [e.event_id for e in mine] == [e.event_id for e in append.events], "every event once"
            assert not mine or (mine[-1].version, mine[-1].position) == (answer.version, answer.position)
            again = await insist(appender, append)
            assert again == Duplicate(answer.version, answer.position, bool(append.events)), (
                "the first answer, again"
            )


async def test_postgres_killed_and_restarted_under_load(make_postgres: MakePostgres) -> None:
    server = await make_postgres()
    dsn = await server.ensure_database("makima")
    await migrate(dsn, KERNEL_FOLDER, KERNEL_SCHEMA)
    ledger = Ledger()
    async with (
        running(dsn, timeout=1.0) as one,
        running(dsn, timeout=1.0) as other,
        asyncio.TaskGroup() as callers,
    ):
        for caller in range(CALLERS):
            callers.create_task(ledger.call_on((one, other)[caller % 2], caller))
        for crash in range(1, 4):
            await eventually(lambda crash=crash: len(ledger.answers) > crash * 300, timeout=60)
            await server.kill()
            await server.start()
        enough = len(ledger.answers) + 300
        await eventually(lambda: len(ledger.answers) > enough, timeout=60)
        ledger.over = True
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool, running(dsn) as third:
        await ledger.compare(Log(pool), third)


async def test_connections_cut_under_load(database: str, pool: asyncpg.Pool) -> None:
    ledger = Ledger()
    async with running(database) as one, running(database) as other:
        async with asyncio.TaskGroup() as callers:
            for caller in range(CALLERS):
                callers.create_task(ledger.call_on((one, other)[caller % 2], caller))
            for cut in range(1, 13):
                await eventually(lambda cut=cut: len(ledger.answers) > cut * 100, timeout=60)
                await pool.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and query like '%event_log.append(%' and pid <> pg_backend_pid()"
                )
            ledger.over = True
        await ledger.compare(Log(pool), one)


async def test_a_frozen_database_leaves_no_outcome_unknown_for_good(make_postgres: MakePostgres) -> None:
    server = await make_postgres()
    dsn = await server.ensure_database("makima")
    await migrate(dsn, KERNEL_FOLDER, KERNEL_SCHEMA)
    async with running(dsn, timeout=1.0) as appender, running(dsn) as other:
        await insist(appender, command("contract-a", event()))
        asked = command("contract-a", event(), event(), expected=1)
        await server.freeze()
        with pytest.raises(LogUnavailableError):
            await appender.append(asked)
        server.thaw()
        first = await insist(other, asked)
        assert isinstance(first, Appended | Duplicate)
        assert (first.version, first.position) == (3, 3)
        assert await insist(appender, asked) == Duplicate(version=3, position=3)


@pytest.mark.parametrize("events", [0, 2], ids=["without events", "with events"])
async def test_one_id_sent_twice_at_once_and_again_later_has_one_effect_and_one_answer(
    database: str, pool: asyncpg.Pool, events: int
) -> None:
    log = Log(pool)
    async with running(database) as one, running(database) as other:
        for round_ in range(50):
            before = await log.head()
            append = command("contract-a", *(event() for _ in range(events)))
            replicas = [(one, other)[(round_ + k) % 2] for k in range(6)]
            answers = [
                await answer
                for answer in asyncio.as_completed([replica.append(append) for replica in replicas])
            ]
            (first,) = [answer for answer in answers if isinstance(answer, Appended)]
            repeat = Duplicate(first.version, first.position, bool(events))
            assert [answer for answer in answers if answer is not first] == [repeat] * 5
            assert await log.head() == before + events
            await one.append(command("contract-a", event()))
            assert await other.append(append) == repeat, "the state has changed, the answer has not"


async def test_ids_live_as_long_as_the_database(make_postgres: MakePostgres) -> None:
    """A clean restart forgets nothing either."""
    server = await make_postgres()
    dsn = await server.ensure_database("makima")
    await migrate(dsn, KERNEL_FOLDER, KERNEL_SCHEMA)
    append, silent = command("contract-a", event()), command("contract-b")
    async with running(dsn) as appender:
        await appender.append(append)
        await appender.append(silent)
    await server.restart()
    async with running(dsn) as appender:
        assert await appender.append(append) == Duplicate(version=1, position=1)
        assert await appender.append(silent) == Duplicate(version=0, position=1, changed=False)
