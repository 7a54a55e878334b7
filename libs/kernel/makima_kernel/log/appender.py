"""Group commit: what concurrent handlers want to append goes to Postgres as one call, and is sent again until the outcome is known."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg
import structlog
from asyncpg.exceptions import DataError
from asyncpg.prepared_stmt import PreparedStatement

from makima_kernel.log.append import SQL, Append, Appended, Outcome, arguments, outcome
from makima_kernel.log.batch import Waiting, take

Connect = Callable[[], Awaitable[asyncpg.Connection]]
Pause = Callable[[float], Awaitable[None]]

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0

_logger = structlog.get_logger(__name__)


class LogUnavailableError(Exception):
    """The log did not answer in time, so the outcome is unknown: asking again under the same command id tells."""


class OverloadedError(Exception):
    """More commands wait for the log than may wait. This one was not sent."""


class UnstorableError(ValueError):
    """Postgres cannot hold a value of this command; the message says which. Nothing was stored."""


def _ignore(_position: int) -> None:
    """Nobody to wake."""


def _give_up(waiting: Waiting, timeout: float) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(LogUnavailableError(f"no answer from the log within {timeout:g} s"))


class Appender:
    """Appends for one process, over one connection of its own.

    `run()` is the owner: start it in a task group; `drain()` lets it finish what is queued and return. `connect` makes a
    connection whenever there is none, `pause` waits between attempts, `on_append` hears the last position of each
    commit. `timeout` (seconds) bounds both a caller's wait and a single call to the database.
    """

    def __init__(
        self,
        connect: Connect,
        *,
        on_append: Callable[[int], None] = _ignore,
        timeout: float = 10.0,
        max_waiting: int = 10_000,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._connect = connect
        self._on_append = on_append
        self._timeout = timeout
        self._max_waiting = max_waiting
        self._pause = pause
        self._queue: deque[Waiting] = deque()
        self._wake = asyncio.Event()
        self._stopped = asyncio.Event()
        self._draining = False
        self._connection: asyncpg.Connection | None = None
        self._statement: PreparedStatement | None = None

    async def append(self, append: Append) -> Outcome:
        """Queues one command and waits for its outcome.

        Raises `OverloadedError` if the queue is full, `LogUnavailableError` after the deadline or when this process shuts
        down, `UnstorableError` for what Postgres cannot hold.
        """
        if self._draining:
            raise LogUnavailableError("this process is shutting down")
        if len(self._queue) >= self._max_waiting:
            raise OverloadedError(f"{self._max_waiting} commands wait for the log already")
        loop = asyncio.get_running_loop()
        waiting = Waiting(append, loop.create_future())
        self._queue.append(waiting)
        self._wake.set()
        deadline = loop.call_later(self._timeout, _give_up, waiting, self._timeout)
        try:
            return await waiting.answer
        finally:
            deadline.cancel()

    async def drain(self) -> None:
        """Takes nothing new, and waits until what is queued has its outcome and `run()` is over."""
        self._draining = True
        self._wake.set()
        await self._stopped.wait()

    async def run(self) -> None:
        """Sends batch after batch until drained or cancelled. Whoever still waits then gets `LogUnavailableError`."""
        batch: list[Waiting] = []
        try:
            while await self._something_waits():
                batch = take(self._queue)
                await self._settle(batch)
        finally:
            self._draining = True
            for waiting in (*batch, *self._queue):
                if not waiting.answer.done():
                    waiting.answer.set_exception(LogUnavailableError("this process stopped before the log answered"))
            self._queue.clear()
            self._disconnect()
            self._stopped.set()

    async def _something_waits(self) -> bool:
        while not self._queue:
            if self._draining:
                return False
            self._wake.clear()
            await self._wake.wait()
        return True

    async def _settle(self, batch: list[Waiting]) -> None:
        """The same commands under the same ids, again and again, until they are answered or nobody waits any more."""
        pause = _FIRST_PAUSE
        while batch := [waiting for waiting in batch if not waiting.answer.done()]:
            try:
                outcomes = await self._send([waiting.append for waiting in batch])
            except (DataError, ValueError) as error:  # asyncpg's own input errors are ValueErrors
                await self._single_out(batch, error)
                return
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                _logger.warning("log.unavailable", error=repr(error), commands=len(batch))
                self._disconnect()
                await self._pause(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._answer(batch, outcomes)
                return

    async def _single_out(self, batch: list[Waiting], error: ValueError | DataError) -> None:
        """One value that cannot be stored fails a whole call: each command for itself, then, so that only its own is refused."""
        if len(batch) > 1:
            for waiting in batch:
                await self._settle([waiting])
        elif not batch[0].answer.done():
            batch[0].answer.set_exception(UnstorableError(str(error)))

    def _answer(self, batch: list[Waiting], outcomes: list[Outcome]) -> None:
        for waiting, answer in zip(batch, outcomes, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(answer)
        grown = [answer.position for answer in outcomes if isinstance(answer, Appended) and answer.changed]
        if grown:
            self._on_append(max(grown))

    async def _send(self, batch: list[Append]) -> list[Outcome]:
        async with asyncio.timeout(self._timeout):
            if self._connection is None or self._statement is None:
                self._connection = await self._connect()
                self._statement = await self._connection.prepare(SQL)
            rows = await self._statement.fetch(*arguments(batch))
        return [outcome(*row) for row in rows]

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
        self._connection = self._statement = None
