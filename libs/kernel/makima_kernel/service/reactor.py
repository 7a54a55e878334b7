"""A loop that processes pending rows, when woken and at each poll, and that survives database outages."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.appender import LOG_UNAVAILABLE
from makima_kernel.event_log.errors import DATA_REFUSED
from makima_kernel.waiting import wait_with_timeout

_logger = structlog.get_logger(__name__)


class Reactor:
    """Calls a function until it reports no more work, then waits for `wake` or the next poll.

    Polling finds work for which this process is not woken, such as that of a replica that died.
    `poll_seconds`: the longest wait. `unavailable_event`: the name of the log event if the database or the
    event log is unavailable.
    """

    def __init__(self, *, poll_seconds: float, unavailable_event: str) -> None:
        self._poll_seconds, self._unavailable_event = poll_seconds, unavailable_event
        self._woken = asyncio.Event()  # set: there may be work

    def wake(self) -> None:
        """Ends the wait, because there may be work. Must be called in the event loop's thread."""
        self._woken.set()

    async def run(self, react: Callable[[], Awaitable[bool]]) -> None:
        """Runs until cancelled.

        `react` processes some of the pending work and returns True if there may be more. If it raises one of
        `LOG_UNAVAILABLE`, that is logged and retried at the next poll. So is one of `DATA_REFUSED`, as an error: a
        row that the database does not take must not end the process, again and again, for everybody else's.
        Other errors end the loop.
        """
        while True:
            raise_if_cancelled()
            self._woken.clear()
            try:
                may_be_more = await react()
            except DATA_REFUSED as error:
                _logger.exception("reactor.data_refused", loop=self._unavailable_event, reason=repr(error))
                may_be_more = False
            except LOG_UNAVAILABLE as error:
                _logger.warning(self._unavailable_event, reason=repr(error))
                may_be_more = False
            if not may_be_more:
                await wait_with_timeout(self._woken, self._poll_seconds)
