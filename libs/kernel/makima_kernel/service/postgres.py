"""Opens a service's Postgres pool and the appender's connections, each with an application name."""

import asyncio
from typing import Final

import asyncpg
import structlog

from makima_kernel.event_log.sessions import keep_session

CONNECT_TIMEOUT_SECONDS: Final = 5.0
COMMAND_TIMEOUT_SECONDS: Final = 30.0
START_TIMEOUT_SECONDS: Final = 60.0
CONNECT_RETRY_SECONDS: Final = 0.5
BACKEND: Final = "select pg_backend_pid()"


class TransactionPoolerError(RuntimeError):
    """Between us and Postgres is a pooler that gives a session's transactions to different backends."""


async def open_pool(dsn: str, service: str, *, size: int = 10) -> asyncpg.Pool:
    """Opens a pool of 1 to `size` connections, whose sessions nobody changes but by `changed_session`.

    Waits up to a minute for a server that is still starting, and logs that;
    then raises the last connection error. Raises `TransactionPoolerError` behind a pooler in transaction mode.
    """
    deadline = asyncio.get_running_loop().time() + START_TIMEOUT_SECONDS
    while True:
        try:
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=size,
                timeout=CONNECT_TIMEOUT_SECONDS,
                command_timeout=COMMAND_TIMEOUT_SECONDS,
                reset=keep_session,
                server_settings={"application_name": f"makima-{service}"},
            )
            await _refuse_pooler(pool)
        except (
            OSError,
            TimeoutError,
            asyncpg.PostgresConnectionError,
            asyncpg.CannotConnectNowError,
        ) as error:
            if asyncio.get_running_loop().time() > deadline:
                raise
            structlog.get_logger().warning("postgres.waiting", reason=str(error))
            await asyncio.sleep(CONNECT_RETRY_SECONDS)
        else:
            return pool


async def _refuse_pooler(pool: asyncpg.Pool) -> None:
    """Raises `TransactionPoolerError` if two sessions share a backend, or one session changes its own.

    Leases, relay and recorder hold advisory locks for as long as their connection lasts: behind such a pooler
    two processes would hold one at the same time, or nobody could release it.
    """
    try:
        async with pool.acquire() as one, pool.acquire() as other:
            mine = await one.fetchval(BACKEND)
            async with other.transaction():
                theirs = await other.fetchval(BACKEND)
                # If there is one backend for all, this transaction has it, and the other session would wait.
                shared = mine == theirs or mine != await one.fetchval(BACKEND)
    except (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError):
        shared = True  # of two sessions one met the other's statement, or did not find its own
    if shared:
        pool.terminate()
        raise TransactionPoolerError(
            "between makima and Postgres is a pooler in transaction mode, which breaks advisory locks:"
            " set database_url to Postgres itself, or pool_mode to session"
        )


async def open_connection(dsn: str, service: str) -> asyncpg.Connection:
    """Opens one connection for the appender, which uses no pool:
    its calls must not wait while readers hold all of it.
    """
    return await asyncpg.connect(
        dsn,
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        server_settings={"application_name": f"makima-{service}-appender"},
    )
