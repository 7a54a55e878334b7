"""Group commit: sends the commands of concurrent handlers in one call,
and retries until the outcome is known.
"""

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from math import ceil
from time import perf_counter
from typing import Final

import structlog

from makima_kernel.event_log.append import Append, Appended, Outcome
from makima_kernel.event_log.append_batching import MAX_BATCH_COMMANDS, PendingAppend, take_batch
from makima_kernel.event_log.append_connection import (
    AppendConnection,
    AppendConnectionLostError,
    Connect,
    LogFullError,
    UnstorableError,
)
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.telemetry import metrics

Pause = Callable[[float], Awaitable[None]]

# With two connections the next call is encoded and sent while the previous one commits. That pays only if two
# Postgres backends and this process have a core each: on 2 cores and with 32 callers, one connection appends
# 15.4k events/s and two append 13.5k. A third connection would only make the calls smaller.
APPEND_CONNECTIONS: Final = 2 if (os.cpu_count() or 1) >= 4 else 1
# Idle connections share the queue between them, but no call gets fewer commands than this (if there are that
# many): below it, the round trip costs more than the work in it.
MIN_COMMANDS_PER_CONNECTION: Final = 16

_FIRST_RECONNECT_DELAY_SECONDS: Final = (
    0.05  # seconds before the first retry of a call; doubled for each further one
)
_MAX_RECONNECT_DELAY_SECONDS: Final = 1.0  # seconds
SLOW_SECONDS: Final = 5.0  # a batch takes milliseconds

_logger = structlog.get_logger(__name__)


class LogUnavailableError(Exception):
    """The log did not answer in time, so the outcome is unknown.

    A retry with the same command id returns it.
    """


class OverloadedError(Exception):
    """The queue of commands for the log is full. This command was not sent."""


# The errors after which code that reads and appends to the log should try again.
LOG_UNAVAILABLE: Final = (*DATABASE_UNAVAILABLE, LogUnavailableError, OverloadedError)


def _ignore(_position: int) -> None:
    """The default of `on_append`."""


class Appender:
    """Appends to the log for one process, over its own connections.

    Start `run()` in a task group; `drain()` lets it finish the queue and return. `connect` opens a connection
    whenever one is missing. `pause` waits between attempts. `on_append` is called with the last position of
    each commit that recorded events. `timeout` (seconds) bounds both a caller's wait and a single call to the
    database. `max_waiting` bounds the queue. `lines` is the number of connections, so at most that many calls
    run at the same time. `slow` is after how many seconds without an answer `ready` says so.
    """

    def __init__(
        self,
        connect: Connect,
        *,
        on_append: Callable[[int], None] = _ignore,
        timeout: float = 10.0,
        max_waiting: int = 10_000,
        pause: Pause = asyncio.sleep,
        lines: int = APPEND_CONNECTIONS,
        slow: float = SLOW_SECONDS,
    ) -> None:
        self._on_append = on_append
        self._timeout = timeout
        self._max_waiting = max_waiting
        self._pause = pause
        self._slow = slow
        self._asking: dict[
            AppendConnection, float
        ] = {}  # since when each waits for an answer, `perf_counter`
        self._queue: deque[PendingAppend] = deque()
        self._wake = asyncio.Event()  # set when the queue got an entry, and when draining begins
        self._stopped = asyncio.Event()  # set when `run()` has ended
        self._draining = False  # no further commands are accepted
        self._idle_connections = 0  # how many connections wait in `_share` now
        self._losses = 0  # connections lost so far; the number of the current session
        self._connections = [AppendConnection(connect, timeout, self._lost) for _ in range(lines)]

    @property
    def session(self) -> int | None:
        """A number that changes with each lost connection, also an idle one; None if no connection is open.

        The database can only be replaced (e.g. restored from a backup) if this process loses its connections.
        So a state that was read from the log in another session may never have existed in the present
        database. Without an open connection a replacement would go unnoticed, hence None.
        """
        return self._losses if any(line.live for line in self._connections) else None

    def ready(self) -> str | None:
        """None, or for how long the log has not answered: reads may go on while nothing can be written."""
        since = min(self._asking.values(), default=None)
        waited = 0.0 if since is None else perf_counter() - since
        return None if waited < self._slow else f"the log has taken no write for {waited:.0f} s"

    async def append(self, append: Append) -> Outcome:
        """Queues one command and waits for its outcome.

        Raises `OverloadedError` if the queue is full, `LogUnavailableError` after `timeout` seconds, when the
        database's disk is full or when this process shuts down, `UnstorableError` for a value that Postgres
        cannot store.
        """
        if self._draining:
            raise LogUnavailableError("this process is shutting down")
        if len(self._queue) >= self._max_waiting:
            raise OverloadedError(f"{self._max_waiting} commands are already waiting for the log")
        loop = asyncio.get_running_loop()
        waiting = PendingAppend(append, loop.create_future())
        self._queue.append(waiting)
        self._wake.set()
        started = perf_counter()  # uvloop's clock has whole milliseconds
        deadline = loop.call_later(
            self._timeout, _fail, (waiting,), f"no answer from the log within {self._timeout:g} s"
        )
        try:
            return await waiting.answer
        finally:
            deadline.cancel()
            metrics.append_seconds.observe(perf_counter() - started)

    async def drain(self) -> None:
        """Accepts no further commands; returns when the queued ones are answered and `run()` has ended."""
        self._draining = True
        self._wake.set()
        await self._stopped.wait()

    async def run(self) -> None:
        """Sends batches until drained or cancelled.

        Callers that still wait then get `LogUnavailableError`.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for line in self._connections:
                    group.create_task(self._serve(line))
        finally:
            self._draining = True
            _fail(self._queue, "this process stopped before the log answered")
            self._queue.clear()
            self._stopped.set()

    async def _serve(self, line: AppendConnection) -> None:
        batch: list[PendingAppend] = []
        try:
            while share := await self._share():
                batch = take_batch(self._queue, share)
                self._asking[line] = perf_counter()
                await self._settle(line, batch)
                del self._asking[line]
        finally:
            self._asking.pop(line, None)
            _fail(batch, "this process stopped before the log answered")
            line.cut()

    async def _share(self) -> int:
        """Waits for queued commands.

        Returns how many commands this connection takes next; 0 once draining and the queue is empty.
        """
        self._idle_connections += 1
        try:
            while not self._queue:
                if self._draining:
                    return 0
                self._wake.clear()
                await self._wake.wait()
            return min(
                MAX_BATCH_COMMANDS,
                max(MIN_COMMANDS_PER_CONNECTION, ceil(len(self._queue) / self._idle_connections)),
            )
        finally:
            self._idle_connections -= 1

    async def _settle(self, line: AppendConnection, batch: list[PendingAppend]) -> None:
        """Sends the batch until each command has its outcome, or until no caller waits for it any more.

        A retry is safe because the commands keep their ids: one that was committed returns `Duplicate`.
        """
        pause = _FIRST_RECONNECT_DELAY_SECONDS
        while batch := [waiting for waiting in batch if not waiting.answer.done()]:
            try:
                outcomes = await line.send([waiting.append for waiting in batch])
            except UnstorableError as error:
                await self._single_out(line, batch, error)
                return
            except LogFullError as error:  # nobody waits for what only room can mend
                _logger.warning("log.full", error=str(error), commands=len(batch))
                _fail(batch, f"its disk is full, nothing was stored: {error}")
                return
            except AppendConnectionLostError as error:
                _logger.warning("log.unavailable", error=str(error), commands=len(batch))
                await self._pause(pause)
                pause = min(2 * pause, _MAX_RECONNECT_DELAY_SECONDS)
            else:
                self._answer(batch, outcomes)
                return

    async def _single_out(
        self, line: AppendConnection, batch: list[PendingAppend], error: UnstorableError
    ) -> None:
        """One value that cannot be stored fails the whole call.

        Send each command alone, so that only that one fails.
        """
        if len(batch) > 1:
            for waiting in batch:
                await self._settle(line, [waiting])
        elif not batch[0].answer.done():
            batch[0].answer.set_exception(error)

    def _lost(self) -> None:
        self._losses += 1

    def _answer(self, batch: list[PendingAppend], outcomes: list[Outcome]) -> None:
        for waiting, answer in zip(batch, outcomes, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(answer)
        grown = [answer.position for answer in outcomes if isinstance(answer, Appended) and answer.changed]
        if grown:
            self._on_append(max(grown))


def _fail(waiting: Iterable[PendingAppend], reason: str) -> None:
    for one in waiting:
        if not one.answer.done():
            one.answer.set_exception(LogUnavailableError(reason))
