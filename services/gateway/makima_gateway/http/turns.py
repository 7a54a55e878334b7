"""A limited number of turns per key: who takes many at once waits for its own, and for nobody else's."""

import asyncio
from collections.abc import AsyncGenerator
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
    callers: int = 0  # with a turn, or waiting for one


class Turns:
    """At most `at_once` turns of a key are taken at the same time; others wait up to `wait_seconds`."""

    def __init__(self, at_once: int, wait_seconds: float) -> None:
        self._at_once, self._wait_seconds = at_once, wait_seconds
        self._queues: dict[str, _Queue] = {}

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncGenerator[None]:
        """Holds a turn of `key`. Raises `TOO_MANY_REQUESTS` if none becomes free in time."""
        queue = self._queues.setdefault(key, _Queue(asyncio.Semaphore(self._at_once)))
        if queue.callers >= self._at_once * (1 + WAITING_PER_TURN):
            raise self._refused()
        queue.callers += 1
        try:
            try:
                async with asyncio.timeout(self._wait_seconds):
                    await queue.free.acquire()
            except TimeoutError:
                raise self._refused() from None
            try:
                yield
            finally:
                queue.free.release()
        finally:
            queue.callers -= 1
            if not queue.callers:
                del self._queues[key]

    def _refused(self) -> Refused:
        metrics.http_refused.labels("too_many").inc()
        return Refused(
            ErrorCode.TOO_MANY_REQUESTS,
            f"this token has {self._at_once} such requests running, as many as one token may have",
            hint="send fewer at the same time",
        )
