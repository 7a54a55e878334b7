"""Polls the time up to which all shards are recorded; verdicts wait until it passes theirs."""

import asyncio
from datetime import UTC, datetime
from typing import Final

import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.telemetry import metrics
from makima_kernel.waiting import wait_with_timeout

from makima_supervisor_heartbeat.queries import Queries

_AWAITED_POLL_SECONDS: Final = 0.025  # while a verdict waits
_IDLE_POLL_SECONDS: Final = 1.0  # while none waits


class Watermarks:
    """The minimum over all shards, not only the sender's: a supervisor that moved to another daemon is on
    another shard.
    """

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._observed = datetime.fromtimestamp(0, UTC)  # the watermark at the last poll
        self._polled = asyncio.Event()  # set, and replaced by a new one, after each poll
        self._wanted = asyncio.Event()  # set by a new waiter, to end the idle pause
        self._waiting = 0  # number of waiters

    async def wait_until(self, moment: datetime, timeout: float) -> bool:
        """Wait until all heartbeats received until `moment` are recorded; False after `timeout` seconds."""
        self._waiting += 1
        self._wanted.set()
        try:
            async with asyncio.timeout(timeout):
                while self._observed < moment:
                    await self._polled.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True

    async def run(self) -> None:
        """Poll the watermark until cancelled; one query serves all waiters."""
        while True:
            raise_if_cancelled()
            try:
                self._observed = await self._queries.watermark()
            except DATABASE_UNAVAILABLE as error:
                structlog.get_logger().warning("watermarks.query_failed", reason=repr(error))
            polled, self._polled = self._polled, asyncio.Event()
            polled.set()
            metrics.exported(metrics.ingest_watermark_age).labels("supervisor_heartbeat").set(
                max(0.0, (datetime.now(UTC) - self._observed).total_seconds())
            )
            await self._pause()

    async def _pause(self) -> None:
        if self._waiting:
            await asyncio.sleep(_AWAITED_POLL_SECONDS)
            return
        self._wanted.clear()
        await wait_with_timeout(self._wanted, _IDLE_POLL_SECONDS)
