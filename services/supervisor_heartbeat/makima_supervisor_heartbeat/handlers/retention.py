"""The hourly partitions of the history: two ahead, none that is older than what is kept, no more of them than there is room for."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import asyncpg
import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.named_sql import named
from makima_kernel.event_log.partitions import hourly_partitions
from makima_schemas.identity import DEFAULT_TENANT

SQL: Final = named(Path(__file__).with_suffix(".sql"))
TABLE: Final = "supervisor_heartbeat.heartbeats"
RETENTION_INTERVAL_SECONDS: Final = 300.0

_logger = structlog.get_logger(__name__)


class Retention:
    """`kept`: how long a heartbeat stays, where all of that takes no more than `most_bytes`."""

    def __init__(self, pool: asyncpg.Pool, *, kept: timedelta, most_bytes: int, every: float = RETENTION_INTERVAL_SECONDS) -> None:
        self._pool, self._partitions = pool, hourly_partitions(pool, TABLE)
        self._kept, self._most_bytes, self._every = kept, most_bytes, every

    async def make_room(self) -> None:
        for name in await self._partitions.ensure_ahead():
            _logger.info("heartbeats.partition_made", partition=name)

    async def drop_old(self, now: datetime) -> list[str]:
        """What is too old, and of the rest the oldest hours that there is no room for; never the hour that is being written."""
        bound = max(now - self._kept, min(await self._crowded_out(), now.replace(minute=0, second=0, microsecond=0)))
        dropped = await self._partitions.drop_older_than(bound)
        for name in dropped:
            _logger.info("heartbeats.partition_dropped", partition=name, too_old=bound <= now - self._kept)
        return dropped

    async def forget_ended(self, now: datetime) -> None:
        await self._pool.execute(SQL["forget"], now - self._kept, DEFAULT_TENANT)

    async def _crowded_out(self) -> datetime:
        """The end of the newest hour that does not fit any more."""
        room = self._most_bytes
        for name, size in await self._pool.fetch(SQL["sizes"]):
            room -= size
            if room < 0:
                return datetime.strptime(f"{name[-10:]}+0000", "%Y%m%d%H%z") + timedelta(hours=1)
        return datetime.min.replace(tzinfo=UTC)

    async def run(self) -> None:
        """A database that is away or busy is tried again next time."""
        while True:
            raise_if_cancelled()
            try:
                await self.make_room()
                if await self.drop_old(datetime.now(UTC)):  # about once an hour: it reads the whole table
                    await self.forget_ended(datetime.now(UTC))
            except DATABASE_UNAVAILABLE as error:
                _logger.warning("heartbeats.upkeep_failed", reason=repr(error))
            await asyncio.sleep(self._every)

    async def ready(self) -> str | None:
        try:
            return None if await self._partitions.ahead() >= 1 else "the history has no partition ahead"
        except DATABASE_UNAVAILABLE as error:
            return f"whether the history has a partition ahead is not known: {error!r}"
