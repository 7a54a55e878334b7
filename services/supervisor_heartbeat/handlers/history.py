"""The hourly partitions of the history: two ahead, and none that is older than what is kept."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg
import structlog
from makima_kernel.bus.cancellation import heed_cancellation
from makima_kernel.log.away import AWAY
from makima_kernel.log.partitions import hourly_partitions

TABLE: Final = "supervisor_heartbeat.heartbeats"
EVERY_SECONDS: Final = 300.0

_logger = structlog.get_logger(__name__)


class History:
    """`kept`: how long a heartbeat stays at least."""

    def __init__(self, pool: asyncpg.Pool, *, kept: timedelta, every: float = EVERY_SECONDS) -> None:
        self._partitions = hourly_partitions(pool, TABLE)
        self._kept, self._every = kept, every

    async def make_room(self) -> None:
        for name in await self._partitions.ensure_ahead():
            _logger.info("heartbeats.partition_made", partition=name)

    async def drop_old(self, now: datetime) -> list[str]:
        dropped = await self._partitions.drop_older_than(now - self._kept)
        for name in dropped:
            _logger.info("heartbeats.partition_dropped", partition=name)
        return dropped

    async def run(self) -> None:
        """A database that is away or busy is tried again next time."""
        while True:
            heed_cancellation()
            try:
                await self.make_room()
                await self.drop_old(datetime.now(UTC))
            except AWAY as error:
                _logger.warning("heartbeats.upkeep_failed", reason=repr(error))
            await asyncio.sleep(self._every)

    async def ready(self) -> str | None:
        return None if await self._partitions.ahead() >= 1 else "the history has no partition ahead"
