"""Creates the history's hourly partitions ahead, and drops them past the retention time or size."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import asyncpg
import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.errors import DATA_REFUSED, DATABASE_UNAVAILABLE
from makima_kernel.event_log.named_sql import named
from makima_kernel.event_log.partitions import hourly_partitions
from makima_schemas.identity import DEFAULT_TENANT

SQL: Final = named(Path(__file__).with_suffix(".sql"))
TABLE: Final = "supervisor_heartbeat.heartbeats"
RETENTION_INTERVAL_SECONDS: Final = 300.0

_logger = structlog.get_logger(__name__)


class Retention:
    """Keeps heartbeats for `kept`, or less if they exceed `most_bytes`. Runs every `every` seconds."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        kept: timedelta,
        most_bytes: int,
        every: float = RETENTION_INTERVAL_SECONDS,
    ) -> None:
        self._pool, self._partitions = pool, hourly_partitions(pool, TABLE)
        self._kept, self._most_bytes, self._every = kept, most_bytes, every

    async def make_room(self) -> None:
        """Create missing partitions for the current and coming hours."""
        for name in await self._partitions.ensure_ahead():
            _logger.info("heartbeats.partition_made", partition=name)

    async def drop_old(self, now: datetime) -> list[str]:
        """Drop partitions older than `kept`, then the oldest ones beyond `most_bytes`; never the current
        hour's.

        Returns the names of the dropped partitions.
        """
        bound = max(
            now - self._kept, min(await self._crowded_out(), now.replace(minute=0, second=0, microsecond=0))
        )
        dropped = await self._partitions.drop_older_than(bound)
        for name in dropped:
            _logger.info("heartbeats.partition_dropped", partition=name, too_old=bound <= now - self._kept)
        return dropped

    async def forget_ended(self, now: datetime) -> None:
        """Delete the latest heartbeats of senders that ended and are silent for longer than `kept`."""
        await self._pool.execute(SQL["forget"], now - self._kept, DEFAULT_TENANT)

    async def _crowded_out(self) -> datetime:
        """The end of the newest hour that no longer fits into `most_bytes`; `datetime.min` if all fit."""
        room = self._most_bytes
        for name, size in await self._pool.fetch(SQL["sizes"]):
            room -= size
            if room < 0:
                return datetime.strptime(f"{name[-10:]}+0000", "%Y%m%d%H%z") + timedelta(hours=1)
        return datetime.min.replace(tzinfo=UTC)

    async def run(self) -> None:
        """Maintain the partitions until cancelled; if the database is unavailable, retry next round."""
        while True:
            raise_if_cancelled()
            try:
                await self.make_room()
                if await self.drop_old(datetime.now(UTC)):  # about once an hour: it reads the whole table
                    await self.forget_ended(datetime.now(UTC))
            except DATA_REFUSED as error:  # a row stands in the way of a partition
                _logger.error("heartbeats.upkeep_refused", reason=repr(error))  # noqa: TRY400
            except DATABASE_UNAVAILABLE as error:
                _logger.warning("heartbeats.upkeep_failed", reason=repr(error))
            await asyncio.sleep(self._every)

    async def ready(self) -> str | None:
        """None: ready; else the reason: without a partition for the next hour, recording would soon fail."""
        try:
            return (
                None
                if await self._partitions.ahead() >= 1
                else "the history has no free partition for the next heartbeats"
            )
        except DATABASE_UNAVAILABLE as error:
            return f"the partitions of the history cannot be read: {error!r}"
