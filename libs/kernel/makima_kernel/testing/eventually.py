"""Waiting for something that other parts will make true, with a limit and with the last reason why it was not."""

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Final, TypeVar, cast

T = TypeVar("T")

PATIENCE: Final = 60.0  # seconds for what must happen, on a machine however busy: only a test that fails waits for so long


async def eventually(
    look: Callable[[], T] | Callable[[], Awaitable[T]], timeout: float = PATIENCE, *, every: float = 0.02, because: str = ""
) -> T:
    """What `look` answers, once that is true; `look` may assert, too.

    Seconds. Raises `AssertionError` with the last answer (or failed assertion) when the time is over.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    while True:
        last: object
        try:
            seen = look()
            found = cast("T", await seen if isawaitable(seen) else seen)
            if found:
                return found
            last = found
        except AssertionError as error:
            last = error
        if loop.time() >= end:
            raise AssertionError(f"not within {timeout} s{': ' + because if because else ''}; last seen: {last!r}")
        await asyncio.sleep(every)
