"""What a connection of a service's pool leaves behind for the next who takes it."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from makima_kernel.event_log.sessions import changed_session
from makima_kernel.service.postgres import open_pool
from makima_kernel.testing import eventually

ROOT: Final = Path(__file__).parents[3]
# Statements that change a session for longer than a transaction.
CHANGES: Final = re.compile(
    r"""pg_(try_)?advisory_lock\(|set_config\([^)]*, false\)|create temp|^listen """
    r"""|execute\(f?"set (?!local)|^-- name: .*\n(--.*\n)*set (?!local)""",
    re.MULTILINE,
)
# Each with the session that it changes.
CHANGING: Final = {
    "libs/kernel/makima_kernel/projections/rebuild.sql": "changed_session",
    "libs/kernel/makima_kernel/relay/relay.sql": "changed_session",
    "libs/kernel/makima_kernel/event_log/partitions.py": "changed_session",
    "libs/kernel/makima_kernel/event_log/migrate.py": "a connection of its own",
    "services/supervisor_heartbeat/makima_supervisor_heartbeat/handlers/shard_writer.sql": "a connection of its own",
}
LOCK: Final = "select pg_advisory_lock(7)"
SLEEPING: Final = (
    "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'"
)
LOCKS: Final = "select count(*) from pg_locks where locktype = 'advisory' and objid = 7"


@pytest.fixture
async def shared(database: str) -> AsyncIterator[asyncpg.Pool]:
    """A service's pool."""
    made = await open_pool(database, "test", size=2)
    yield made
    await made.close()


async def test_who_changes_a_session_gives_it_back_as_it_was(shared: asyncpg.Pool) -> None:
    async with changed_session(shared) as connection:
        await connection.execute("set lock_timeout = '7s'")
        await connection.execute(LOCK)
        assert await connection.fetchval("show lock_timeout") == "7s"
    assert await shared.fetchval("show lock_timeout") == "0"
    assert await shared.fetchval(LOCKS) == 0


async def test_a_lock_does_not_outlive_who_is_cancelled_in_the_middle_of_a_statement(
    shared: asyncpg.Pool,
) -> None:
    locked = asyncio.Event()

    async def hold() -> None:
        async with changed_session(shared) as connection:
            await connection.execute(LOCK)
            locked.set()
            await connection.execute("select pg_sleep(60)")

    holding = asyncio.create_task(hold())
    await locked.wait()
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    await asyncio.wait_for(shared.fetch(LOCK), 30.0)


async def test_a_query_leaves_no_transaction_open_also_if_it_is_cancelled(shared: asyncpg.Pool) -> None:
    async def ask() -> None:
        async with shared.acquire() as connection, connection.transaction():
            await connection.execute("select pg_sleep(60)")

    async def asked() -> bool:
        return bool(await shared.fetchval(SLEEPING))

    asking = asyncio.create_task(ask())
    await eventually(asked)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with shared.acquire() as connection, shared.acquire() as other:
        for each in (connection, other):
            assert not each.is_in_transaction()
            assert await each.fetchval("select 1") == 1


def changing() -> Iterator[str]:
    for part in ("libs", "services"):
        for path in (*(ROOT / part).glob("*/makima_*/**/*.py"), *(ROOT / part).glob("*/makima_*/**/*.sql")):
            if "migrations" not in path.parts and CHANGES.search(path.read_text()):
                yield str(path.relative_to(ROOT))


def test_everything_that_changes_a_session_says_whose() -> None:
    assert sorted(changing()) == sorted(CHANGING)
