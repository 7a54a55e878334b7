"""One database connection that calls `event_log.append`, and is opened again after each failure."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from makima_kernel.event_log.append import SQL, Append, Outcome, arguments, outcome
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE

Connect = Callable[[], Awaitable[asyncpg.Connection]]

# SQLSTATE prefixes of errors that no value of a command can cause: the database is unreachable, busy, full,
# read-only or damaged, the schema or the permissions are not (yet) there, or no partition exists yet for the
# row (23514). The call is sent again. Any other error of Postgres is attributed to a value of a command.
_TRY_AGAIN: Final = (
    "08",
    "25",
    "26",
    "28",
    "3D",
    "3F",
    "40",
    "42",
    "53",
    "55",
    "57",
    "58",
    "23514",
    "XX001",
    "XX002",
)


class AppendConnectionLostError(Exception):
    """The connection was lost during the call, so the call may or may not have been committed.

    It is safe to send the same commands again: those that were committed return `Duplicate`.
    """


class LogFullError(Exception):
    """The disk of the database is full. Nothing of the call was stored."""


class UnstorableError(ValueError):
    """Postgres cannot store a value of a command; the message says which. Nothing of the call was stored."""


class AppendConnection:
    """A connection for one call of `event_log.append` at a time.

    `connect` opens a connection whenever there is none. `timeout` (seconds) bounds a call, including the
    connect. `on_lost` is called once per lost connection, also while idle.
    """

    def __init__(self, connect: Connect, timeout: float, on_lost: Callable[[], None]) -> None:
        self._connect = connect
        self._timeout = timeout
        self._on_lost = on_lost
        self._connection: asyncpg.Connection | None = None
        self._statement: PreparedStatement | None = None  # append.sql, prepared on `_connection`

    @property
    def live(self) -> bool:
        """True if there is an open connection, as far as the operating system has reported."""
        return self._connection is not None and not self._connection.is_closed()

    async def send(self, batch: Sequence[Append]) -> list[Outcome]:
        """Sends one call; returns the outcomes in the order of `batch`.

        Raises `AppendConnectionLostError` if the outcome is unknown, `LogFullError`, and `UnstorableError` if a
        value of a command cannot be stored.
        """
        try:
            async with asyncio.timeout(self._timeout):
                statement = self._statement or await self._open()
                rows = await statement.fetch(*arguments(batch))
        except asyncpg.DiskFullError as error:
            raise LogFullError(str(error)) from error
        except (*DATABASE_UNAVAILABLE, asyncpg.PostgresError) as error:
            if self._statement is not None and _of_a_command(error):
                raise UnstorableError(str(error)) from error
            self.cut()
            raise AppendConnectionLostError(repr(error)) from error
        except ValueError as error:  # raised by asyncpg's encoders
            raise UnstorableError(str(error)) from error
        return [outcome(*row) for row in rows]

    def cut(self) -> None:
        """Closes the connection without telling the server, which may not answer any more."""
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
    """True if a value of a command caused the error, so that the same batch would fail again."""
    if isinstance(error, asyncpg.PostgresError):
        return not (error.sqlstate or "").startswith(_TRY_AGAIN) and not isinstance(
            error, asyncpg.InvalidCachedStatementError
        )
    return isinstance(error, ValueError)  # asyncpg's input errors are both InterfaceError and ValueError
