"""Opens a service's Postgres pool and the appender's connections, each with an application name."""

import asyncio
from typing import Final

import asyncpg
import structlog

CONNECT_TIMEOUT_SECONDS: Final = 5.0
COMMAND_TIMEOUT_SECONDS: Final = 30.0
START_TIMEOUT_SECONDS: Final = 60.0
CONNECT_RETRY_SECONDS: Final = 0.5


async def open_pool(dsn: str, service: str, *, size: int = 10) -> asyncpg.Pool:
    """Opens a pool of 1 to `size` connections.

    Waits up to a minute for a server that is still starting, and logs that;
    then raises the last connection error.
    """
    deadline = asyncio.get_running_loop().time() + START_TIMEOUT_SECONDS
    while True:
        try:
            return await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=size,
                timeout=CONNECT_TIMEOUT_SECONDS,
                command_timeout=COMMAND_TIMEOUT_SECONDS,
                server_settings={"application_name": f"makima-{service}"},
            )
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
