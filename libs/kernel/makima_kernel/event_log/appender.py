"""Group commit: what concurrent handlers want to append goes to Postgres as one call, and is sent again until the outcome is known."""

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from math import ceil
from typing import Final

import structlog

from makima_kernel.event_log.append import Append, Appended, Outcome
from makima_kernel.event_log.append_batching import MAX_BATCH_COMMANDS, PendingAppend, take_batch
from makima_kernel.event_log.append_connection import AppendConnection, AppendConnectionLostError, Connect, UnstorableError
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.telemetry import metrics

Pause = Callable[[float], Awaitable[None]]

# While one call commits, the next is encoded and on its way. That pays only where two backends and this process have a core each: on
# 2 cores, one line appends 15.4k events/s of 32 callers and two append 13.5k. A third would only make the calls smaller.
APPEND_CONNECTIONS: Final = 2 if (os.cpu_count() or 1) >= 4 else 1
# Lines that are idle at the same time share what waits, but not down to calls that cost more than they carry.
MIN_COMMANDS_PER_CONNECTION: Final = 16

_FIRST_RECONNECT_DELAY_SECONDS: Final = 0.05
_MAX_RECONNECT_DELAY_SECONDS: Final = 1.0

_logger = structlog.get_logger(__name__)


class LogUnavailableError(Exception):
    """The log did not answer in time, so the outcome is unknown: asking again under the same command id tells."""


class OverloadedError(Exception):
    """More commands wait for the log than may wait. This one was not sent."""


# What whoever reads and appends may meet, and tries again.
LOG_UNAVAILABLE: Final = (*DATABASE_UNAVAILABLE, LogUnavailableError, OverloadedError)


def _ignore(_position: int) -> None:
    """Nobody to wake."""


class Appender:
    """Appends for one process, over connections of its own.

    `run()` is the owner: start it in a task group; `drain()` lets it finish what is queued and return. `connect` makes a
    connection whenever one is missing, `pause` waits between attempts, `on_append` hears the last position of each
    commit. `timeout` (seconds) bounds both a caller's wait and a single call to the database; at most `lines` calls are under way at once.
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
    ) -> None:
        self._on_append = on_append
        self._timeout = timeout
        self._max_waiting = max_waiting
        self._pause = pause
        self._queue: deque[PendingAppend] = deque()
        self._wake = asyncio.Event()
        self._stopped = asyncio.Event()
        self._draining = False
        self._idle_connections = 0
        self._losses = 0
        self._connections = [AppendConnection(connect, timeout, self._lost) for _ in range(lines)]

    @property
    def session(self) -> int | None:
        """Another number after each lost connection, also after an idle one; None while no connection stands that would tell.

        A database can only be replaced behind a process that loses its connections: what was read of the log in another
        session may never have been in this one.
        """
        return self._losses if any(line.live for line in self._connections) else None

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
        waiting = PendingAppend(append, loop.create_future())
        self._queue.append(waiting)
        self._wake.set()
        started = loop.time()
        deadline = loop.call_later(self._timeout, _fail, (waiting,), f"no answer from the log within {self._timeout:g} s")
        try:
            return await waiting.answer
        finally:
            deadline.cancel()
            metrics.append_seconds.observe(loop.time() - started)

    async def drain(self) -> None:
        """Takes nothing new, and waits until what is queued has its outcome and `run()` is over."""
        self._draining = True
        self._wake.set()
        await self._stopped.wait()

    async def run(self) -> None:
        """Sends batch after batch until drained or cancelled. Whoever still waits then gets `LogUnavailableError`."""
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
                await self._settle(line, batch)
        finally:
            _fail(batch, "this process stopped before the log answered")
            line.cut()

    async def _share(self) -> int:
        """Waits for work; how much of it one line takes. None is left, and none will come: 0."""
        self._idle_connections += 1
        try:
            while not self._queue:
                if self._draining:
                    return 0
                self._wake.clear()
                await self._wake.wait()
            return min(MAX_BATCH_COMMANDS, max(MIN_COMMANDS_PER_CONNECTION, ceil(len(self._queue) / self._idle_connections)))
        finally:
            self._idle_connections -= 1

    async def _settle(self, line: AppendConnection, batch: list[PendingAppend]) -> None:
        """The same commands under the same ids, again and again, until they are answered or nobody waits any more."""
        pause = _FIRST_RECONNECT_DELAY_SECONDS
        while batch := [waiting for waiting in batch if not waiting.answer.done()]:
            try:
                outcomes = await line.send([waiting.append for waiting in batch])
            except UnstorableError as error:
                await self._single_out(line, batch, error)
                return
            except AppendConnectionLostError as error:
                _logger.warning("log.unavailable", error=str(error), commands=len(batch))
                await self._pause(pause)
                pause = min(2 * pause, _MAX_RECONNECT_DELAY_SECONDS)
            else:
                self._answer(batch, outcomes)
                return

    async def _single_out(self, line: AppendConnection, batch: list[PendingAppend], error: UnstorableError) -> None:
        """One value that cannot be stored fails a whole call: each command for itself, then, so that only its own is refused."""
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
