"""One connection to the log that sends calls of event_log.append, made again after each failure."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from makima_kernel.log.append import SQL, Append, Outcome, arguments, outcome
from makima_kernel.log.away import AWAY

Connect = Callable[[], Awaitable[asyncpg.Connection]]


class BrokenLineError(Exception):
    """The call may or may not have been committed: sending the same commands again is safe, and tells."""


class UnstorableError(ValueError):
    """Postgres cannot hold a value of a command; the message says which. Nothing was stored."""


class Line:
    """`timeout` (seconds) bounds a call, connecting included."""

    def __init__(self, connect: Connect, timeout: float) -> None:
        self._connect = connect
        self._timeout = timeout
        self._connection: asyncpg.Connection | None = None
        self._statement: PreparedStatement | None = None

    async def send(self, batch: Sequence[Append]) -> list[Outcome]:
        """One call; the outcomes in order. Raises `BrokenLineError`, and `UnstorableError` if it is one of the values."""
        try:
            async with asyncio.timeout(self._timeout):
                if self._connection is None or self._statement is None:
                    self._connection = await self._connect()
                    self._statement = await self._connection.prepare(SQL)
                rows = await self._statement.fetch(*arguments(batch))
        except (asyncpg.DataError, ValueError) as error:  # asyncpg's own input errors are ValueErrors
            raise UnstorableError(str(error)) from error
        except AWAY as error:
            self.cut()
            raise BrokenLineError(repr(error)) from error
        return [outcome(*row) for row in rows]

    def cut(self) -> None:
        """Without a word to the server, which may be gone."""
        if self._connection is not None:
            self._connection.terminate()
        self._connection = self._statement = None
