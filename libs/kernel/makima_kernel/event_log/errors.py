"""How a database that is away, busy or cut off half-way shows itself to whoever asks it."""

from typing import Final

import asyncpg

# A connection that breaks inside asyncpg's own protocol is an InternalClientError; a TimeoutError is an OSError.
DATABASE_UNAVAILABLE: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
