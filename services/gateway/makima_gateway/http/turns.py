"""A limited number of turns per key: who takes many at once waits for its own, and for nobody else's."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from makima_kernel.telemetry import metrics
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

WAITING_PER_TURN: Final = 32  # callers that wait, for each that has a turn; one more is refused at once


@dataclass(slots=True)
class _Queue:
    """The callers of one key."""

    free: asyncio.Semaphore
    callers: int = 0  # with a turn, waiting for one, or having given it back
    away: int = 0  # of these, those that have given it back


class Turn:
    """A turn that a caller has."""

    def __init__(self, queue: _Queue, acquire: Callable[[_Queue], Awaitable[None]]) -> None:
        self._queue, self._acquire = queue, acquire
        self.held = False

    async def take(self) -> None:
        """Raises `TOO_MANY_REQUESTS` if none becomes free in time."""
        await self._acquire(self._queue)
        self.held = True

    def give_back(self) -> None:
        if self.held:
            self.held = False
            self._queue.free.release()

    @asynccontextmanager
    async def given_back(self) -> AsyncGenerator[None]:
        """Without the turn, so that it holds nobody up, while it only waits; then it takes a turn again."""
        self.give_back()
        self._queue.away += 1
        try:
            yield
        finally:
            self._queue.away -= 1
        await self.take()


class Turns:
    """At most `at_once` turns of a key are taken at the same time; others wait up to `wait_seconds`."""

    def __init__(self, at_once: int, wait_seconds: float) -> None:
        self._at_once, self._wait_seconds = at_once, wait_seconds
        self._queues: dict[str, _Queue] = {}

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncGenerator[Turn]:
        """Holds a turn of `key`. Raises `TOO_MANY_REQUESTS` if none becomes free in time."""
        queue = self._queues.setdefault(key, _Queue(asyncio.Semaphore(self._at_once)))
        if queue.callers - queue.away >= self._at_once * (1 + WAITING_PER_TURN):
            raise self._refused()
        queue.callers += 1
        turn = Turn(queue, self._acquire)
        try:
            await turn.take()
            yield turn
        finally:
            turn.give_back()
            queue.callers -= 1
            if not queue.callers:
                del self._queues[key]

    async def _acquire(self, queue: _Queue) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await queue.free.acquire()
        except TimeoutError:
            raise self._refused() from None

    def _refused(self) -> Refused:
        metrics.http_refused.labels("too_many").inc()
        return Refused(
            ErrorCode.TOO_MANY_REQUESTS,
            f"this token has {self._at_once} such requests running, as many as one token may have",
            hint="send fewer at the same time",
        )
