"""What the log needs now and then: partitions ahead of it, and command ids forgotten after 30 days."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import asyncpg
import structlog

from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.named_sql import named
from makima_kernel.event_log.partitions import log_partitions

SQL: Final = named(Path(__file__).with_suffix(".sql"))
COMMAND_ID_RETENTION: Final = timedelta(days=30)
PRUNE_BATCH_ROWS: Final = 5_000
MAINTENANCE_INTERVAL_SECONDS: Final = 60.0

_logger = structlog.get_logger(__name__)


class Maintenance:
    """`run()` in every replica of any service that appends: they agree by locks in the database who does what."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pool = pool
        self._partitions = log_partitions(pool)
        self._pause = pause
        self._ahead: int | None = None

    async def run(self) -> None:
        """Every minute, until cancelled. A database that is away or busy is tried again next time."""
        while True:
            raise_if_cancelled()
            try:
                await self._round()
            except DATABASE_UNAVAILABLE as error:
                _logger.warning("log.upkeep_failed", error=repr(error))
            await self._pause(MAINTENANCE_INTERVAL_SECONDS)

    def ready(self) -> str | None:
        """None, or why this log should get no traffic; as of the last round."""
        match self._ahead:
            case None:
                return "the partitions of the log were not looked at yet"
            case 0:
                return "the log has no partition ahead"
            case _:
                return None

    async def _round(self) -> None:
        try:
            for name in await self._partitions.ensure_ahead():
                _logger.info("log.partition_made", partition=name)
        finally:
            self._ahead = await self._partitions.ahead()
        await prune(self._pool)


async def prune(pool: asyncpg.Pool, kept: timedelta = COMMAND_ID_RETENTION) -> int:
    """Forgets the ids of commands that were answered longer ago than `kept`; how many."""
    pruned = 0
    while True:
        status = await pool.execute(SQL["prune"], kept, PRUNE_BATCH_ROWS)
        count = int(status.rpartition(" ")[2])
        pruned += count
        if count < PRUNE_BATCH_ROWS:
            return pruned
