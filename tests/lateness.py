"""How late this machine was while a test ran: what a bound on a delay has to leave to it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from makima_kernel.testing.eventually import ALWAYS_LATE_SECONDS, SECONDS_PER_SECOND_LATE

from tests.background import end

SLEEP_SECONDS: Final = 0.02


@dataclass
class Lateness:
    seconds: float = 0.0  # by which the sleeps of a loop that did nothing else ended late, together

    def allowed(self, seconds: float) -> float:
        """So long may last what takes `seconds` at most on an idle machine, as `eventually` reckons it, without an end."""
        return seconds + SECONDS_PER_SECOND_LATE * self.seconds


@asynccontextmanager
async def measured() -> AsyncGenerator[Lateness]:
    found, loop = Lateness(), asyncio.get_running_loop()

    async def sleep() -> None:
        while True:
            before = loop.time()
            await asyncio.sleep(SLEEP_SECONDS)
            found.seconds += max(0.0, loop.time() - before - SLEEP_SECONDS - ALWAYS_LATE_SECONDS)

    sleeping = asyncio.create_task(sleep())
    try:
        yield found
    finally:
        await end(sleeping)
