"""The exceptions by which asyncpg reports a database that is unreachable, busy, or lost during a call."""

from typing import Final

import asyncpg

# asyncpg raises InternalClientError if the connection breaks in the middle of its protocol.
# TimeoutError is an OSError.
DATABASE_UNAVAILABLE: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
