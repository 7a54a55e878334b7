"""A loop that works off what it finds in the database: at once when woken, else at each poll, and again after an outage."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.appender import LOG_UNAVAILABLE
from makima_kernel.waiting import wait_with_timeout

_logger = structlog.get_logger(__name__)


class Reactor:
    """`wake` says that there may be work; work that nobody announced (of a replica that died) is found by polling.

    `unavailable_event` is logged when the database or the log does not answer.
    """

    def __init__(self, *, poll_seconds: float, unavailable_event: str) -> None:
        self._poll_seconds, self._unavailable_event = poll_seconds, unavailable_event
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self, react: Callable[[], Awaitable[bool]]) -> None:
        """Until cancelled. `react` does some of the work that there is, and says whether there may be more."""
        while True:
            raise_if_cancelled()
            self._woken.clear()
            try:
                may_be_more = await react()
            except LOG_UNAVAILABLE as error:
                _logger.warning(self._unavailable_event, reason=repr(error))
                may_be_more = False
            if not may_be_more:
                await wait_with_timeout(self._woken, self._poll_seconds)
