"""One connection to the log that sends calls of event_log.append, made again after each failure."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from makima_kernel.event_log.append import SQL, Append, Outcome, arguments, outcome
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE

Connect = Callable[[], Awaitable[asyncpg.Connection]]

# SQLSTATE classes of a database that is away, busy, full, read-only, damaged, or not (yet) ours, and of a partition that is
# yet to come: no value of a command brings these about. Whatever else Postgres says, it says of a command.
_TRY_AGAIN: Final = ("08", "25", "26", "28", "3D", "3F", "40", "42", "53", "55", "57", "58", "23514", "XX001", "XX002")


class AppendConnectionLostError(Exception):
    """The call may or may not have been committed: sending the same commands again is safe, and tells."""


class UnstorableError(ValueError):
    """Postgres cannot hold a value of a command; the message says which. Nothing was stored."""


class AppendConnection:
    """`timeout` (seconds) bounds a call, connecting included. `on_lost` hears, once, of each connection that ended, also of an idle one."""

    def __init__(self, connect: Connect, timeout: float, on_lost: Callable[[], None]) -> None:
        self._connect = connect
        self._timeout = timeout
        self._on_lost = on_lost
        self._connection: asyncpg.Connection | None = None
        self._statement: PreparedStatement | None = None

    @property
    def live(self) -> bool:
        """Whether a connection stands, as far as the kernel has told."""
        return self._connection is not None and not self._connection.is_closed()

    async def send(self, batch: Sequence[Append]) -> list[Outcome]:
        """One call; the outcomes in order. Raises `AppendConnectionLostError`, and `UnstorableError` if it is one of the values."""
        try:
            async with asyncio.timeout(self._timeout):
                statement = self._statement or await self._open()
                rows = await statement.fetch(*arguments(batch))
        except DATABASE_UNAVAILABLE as error:
            if self._statement is not None and _of_a_command(error):
                raise UnstorableError(str(error)) from error
            self.cut()
            raise AppendConnectionLostError(repr(error)) from error
        except ValueError as error:  # as asyncpg's encoders raise it
            raise UnstorableError(str(error)) from error
        return [outcome(*row) for row in rows]

    def cut(self) -> None:
        """Without a word to the server, which may be gone."""
        if self._connection is not None:
            self._connection.terminate()
            self._lost(self._connection)

    async def _open(self) -> PreparedStatement:
        self._connection = await self._connect()
        self._connection.add_termination_listener(self._lost)
        self._statement = await self._connection.prepare(SQL)
        return self._statement

    def _lost(self, connection: object) -> None:
        if connection is self._connection:
            self._connection = self._statement = None
            self._on_lost()


def _of_a_command(error: Exception) -> bool:
    if isinstance(error, asyncpg.PostgresError):
        return not (error.sqlstate or "").startswith(_TRY_AGAIN) and not isinstance(error, asyncpg.InvalidCachedStatementError)
    return isinstance(error, ValueError)  # asyncpg's own input errors are interface errors, too
