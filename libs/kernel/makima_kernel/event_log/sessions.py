"""Connections of a pool: most statements leave nothing behind in their session, a few change it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import asyncpg


async def keep_session(_connection: asyncpg.Connection) -> None:
    """What a service's pool does to a connection that comes back: nothing, but to roll back a transaction that is
    still open.

    asyncpg would reset the session (locks, settings, cursors, LISTEN), a second round trip after every query: a read of one
    row took 0.22 ms instead of 0.10. Whoever changes a session takes it by `changed_session`.
    """


@asynccontextmanager
async def changed_session(pool: asyncpg.Pool) -> AsyncGenerator[asyncpg.Connection]:
    """A connection for statements that change its session: advisory locks, settings that outlive a transaction.

    The pool gets it back as it was: locks are released, settings are the server's. One that cannot be reset is closed.
    """
    async with pool.acquire() as acquired:
        connection = cast("asyncpg.Connection", acquired)
        try:
            yield connection
        finally:
            if not connection.is_closed():
                await _reset(connection)


async def _reset(connection: asyncpg.Connection) -> None:
    try:
        await connection.reset()
    except BaseException:
        connection.terminate()  # nobody else gets its locks
        raise
