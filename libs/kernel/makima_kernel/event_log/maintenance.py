"""Periodic maintenance of the log: creates partitions ahead of it, and deletes command ids after 30 days."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import asyncpg
import structlog

from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.errors import DATA_REFUSED, DATABASE_UNAVAILABLE
from makima_kernel.event_log.named_sql import named
from makima_kernel.event_log.partitions import log_partitions

SQL: Final = named(Path(__file__).with_suffix(".sql"))
COMMAND_ID_RETENTION: Final = timedelta(days=30)  # how long the first answer to a command is stored
PRUNE_BATCH_ROWS: Final = 5_000  # rows deleted per statement
MAINTENANCE_INTERVAL_SECONDS: Final = 60.0

_logger = structlog.get_logger(__name__)


class Maintenance:
    """Maintains the log.

    Start `run()` in every replica of each service that appends; locks in the database coordinate them.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pool = pool
        self._partitions = log_partitions(pool)
        self._pause = pause
        # Empty partitions ahead of the writers, as of the last round; None before it.
        self._ahead: int | None = None

    async def run(self) -> None:
        """Runs a round of maintenance each minute, until cancelled.

        If the database is unavailable, the round is logged as failed and the next one tries again.
        """
        while True:
            raise_if_cancelled()
            try:
                await self._round()
            except DATA_REFUSED as error:  # a row stands in the way of a partition: somebody must look
                _logger.error("log.upkeep_refused", error=repr(error))  # noqa: TRY400
            except DATABASE_UNAVAILABLE as error:
                _logger.warning("log.upkeep_failed", error=repr(error))
            await self._pause(MAINTENANCE_INTERVAL_SECONDS)

    def ready(self) -> str | None:
        """None if ready, else the reason why this replica should get no traffic, as of the last round."""
        match self._ahead:
            case None:
                return "the partitions of the log were not checked yet"
            case 0:
                return "the log has no free partition for the next events"
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
    """Deletes the ids and answers of commands that are older than `kept`, at least 30 days; returns how many."""
    pruned = 0
    while True:
        count = int(await pool.fetchval(SQL["prune"], kept, PRUNE_BATCH_ROWS))
        pruned += count
        if count < PRUNE_BATCH_ROWS:
            return pruned
