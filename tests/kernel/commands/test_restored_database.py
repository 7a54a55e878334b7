"""A database that is replaced behind a running service: nothing is decided on a state that the log has never
been in.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest
from makima_kernel.event_log.append import NewEvent
from makima_kernel.event_log.appender import Appender
from makima_kernel.event_log.log import Log
from makima_local.postgres import Postgres
from makima_schemas.codec import encode
from makima_schemas.commands import Accepted, Problem, Reply
from makima_schemas.daemon import DaemonConnected, DaemonEvent
from makima_schemas.errors import ErrorCode

from tests.kernel.commands.toggle_aggregate import OFF, ON, MakeToggle, request, toggle_decisions
from tests.kernel.event_log.append_builders import call, command

Restore = Callable[[], Awaitable[None]]
MakePostgres = Callable[[], Awaitable[Postgres]]


@pytest.fixture
def restore(database: str, template_database: str, postgres_server: Postgres) -> Restore:
    """Replaces the database by its backup, an empty log; every connection to it ends."""

    async def restore() -> None:
        name = database.partition("?")[0].rpartition("/")[2]
        admin = await asyncpg.connect(postgres_server.dsn())
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}"')
        await admin.close()

    return restore


def recorded(event: DaemonEvent) -> NewEvent:
    return NewEvent(uuid4(), type(event).__name__, 1, encode(event))


async def regrown(database: str, *events: DaemonEvent) -> None:
    connection = await asyncpg.connect(database)
    await call(connection, *(command("daemon-toggle", recorded(event)) for event in events))
    await connection.close()


def code(reply: Reply) -> ErrorCode | None:
    return reply.code if isinstance(reply, Problem) else None


async def test_what_was_on_before_is_not_switched_off_after(
    make_toggle: MakeToggle, restore: Restore, database: str
) -> None:
    first = await make_toggle()
    await first.handle(request(), ON)
    await first.handle(request(), OFF)
    await first.handle(request(), ON)
    assert await first.handle(request(), ON) == Accepted(3, 3, changed=False), "from memory"
    await restore()
    assert code(await first.handle(request(), OFF)) is ErrorCode.INVALID_TRANSITION


async def test_a_refusal_is_not_confirmed_by_a_stream_that_has_regrown(
    make_toggle: MakeToggle, restore: Restore, database: str
) -> None:
    first = await make_toggle()
    await first.handle(request(), ON)
    await first.handle(request(), OFF)
    assert code(await first.handle(request(), OFF)) is ErrorCode.INVALID_TRANSITION
    await restore()
    await regrown(database, DaemonConnected("a"))
    await regrown(database, DaemonConnected("b"))
    assert await first.handle(request(), OFF) == Accepted(3, 3)


async def test_an_acceptance_needs_no_conflict_to_forget_what_never_was(
    make_toggle: MakeToggle, restore: Restore, database: str
) -> None:
    first = await make_toggle()
    await first.handle(request(), ON)
    await first.handle(request(), OFF)
    await first.handle(request(), ON)
    await first.handle(request(), OFF)
    await restore()
    for hostname in "abcd":
        await regrown(database, DaemonConnected(hostname))
    assert await first.handle(request(), ON) == Accepted(4, 4, changed=False), (
        "memory says off at version 4, the log says on"
    )


async def test_nothing_is_remembered_while_no_connection_would_tell(
    database: str, pool: asyncpg.Pool
) -> None:
    reader = toggle_decisions(Log(pool), idle := Appender(lambda: asyncpg.connect(database)))
    owner = asyncio.create_task(idle.run())
    assert code(await reader.handle(request(), OFF)) is ErrorCode.INVALID_TRANSITION
    assert idle.session is None
    await regrown(database, DaemonConnected("a"))
    assert await reader.handle(request(), OFF) == Accepted(2, 2)
    assert idle.session == 0
    owner.cancel()


async def test_a_log_that_cannot_be_read_is_said_to_be_unavailable(make_postgres: MakePostgres) -> None:
    server = await make_postgres()
    pool = await asyncpg.create_pool(server.dsn(), min_size=1, max_size=2, timeout=1.0)
    appender = Appender(lambda: asyncpg.connect(server.dsn()))
    away = toggle_decisions(Log(pool), appender)
    await server.kill()
    assert code(await away.handle(request(), ON)) is ErrorCode.UNAVAILABLE, "it could not be loaded"
    assert code(await away.handle(replace(request(), target="no id"), ON)) is ErrorCode.UNAVAILABLE, (
        "a refusal needs the first answer"
    )
    pool.terminate()
