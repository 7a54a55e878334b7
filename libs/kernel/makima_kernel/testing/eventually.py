"""Waits until a condition is true, with a timeout and the last reason why it was not."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Final, TypeVar, cast

T = TypeVar("T")

# Default timeout in seconds of what must happen in a test: only a test that fails waits for so long.
PATIENCE: Final = 60.0

SECONDS_PER_SECOND_LATE: Final = 10.0
ALWAYS_LATE_SECONDS: Final = 0.01  # a sleep on an idle machine is late by less
MAX_STRETCH: Final = 3.0  # times as long as on an idle machine


class Patience:
    """A deadline that moves on a busy machine: each second by which a sleep ends late adds
    `SECONDS_PER_SECOND_LATE`, up to `MAX_STRETCH` times the timeout. Seconds, on any clock.
    """

    def __init__(self, seconds: float, now: float) -> None:
        self._end = now + seconds
        self._longest = now + MAX_STRETCH * seconds

    def slept(self, requested: float, elapsed: float) -> None:
        late = max(0.0, elapsed - requested - ALWAYS_LATE_SECONDS)
        self._end = min(self._longest, self._end + SECONDS_PER_SECOND_LATE * late)

    def over(self, now: float) -> bool:
        return now >= self._end


async def eventually(
    condition: Callable[[], T] | Callable[[], Awaitable[T]],
    timeout: float = PATIENCE,
    *,
    every: float = 0.02,
    because: str = "",
) -> T:
    """Calls `condition` each `every` seconds until its result is truthy; returns that result.

    A failed assertion in `condition` counts as not yet true. Raises `AssertionError` with the last result (or
    failed assertion) after `timeout` seconds, or later on a busy machine (`Patience`); `because` is added to
    its message.
    """
    loop = asyncio.get_running_loop()
    patience = Patience(timeout, loop.time())
    while True:
        last: object
        try:
            seen = condition()
            found = cast("T", await seen if isawaitable(seen) else seen)
            if found:
                return found
            last = found
        except AssertionError as error:
            last = error
        if patience.over(loop.time()):
            raise AssertionError(
                f"not within {timeout} s{': ' + because if because else ''}; last seen: {last!r}"
            )
        before = loop.time()
        await asyncio.sleep(every)
        patience.slept(every, loop.time() - before)
