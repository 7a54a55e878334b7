"""Makes partitions before they are needed and takes old ones away, without ever making a reader or a writer wait."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Generic, TypeVar, cast

import asyncpg
import structlog

from makima_kernel.event_log.named_sql import named
from makima_kernel.event_log.partition_ranges import Bound, ByHour, ByPosition, Range, Ranges, bounds

T = TypeVar("T")

SQL: Final = named(Path(__file__).with_suffix(".sql"))
MAX_ATTACHED_PARTITIONS: Final = 50  # beyond, planning and locking begin to cost every query

_LOCK_TIMEOUT: Final = "1s"
_MAX_LOCK_ATTEMPTS: Final = 5

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Attached(Generic[Bound]):
    name: str
    range: Range[Bound]
    half_detached: bool


class Partitions(Generic[Bound]):
    """The partitions of one table; `log_partitions` and `hourly_partitions` make one.

    `unique` are columns that are unique within each partition. Several replicas may do all of this at once.
    Raises `asyncpg.LockNotAvailableError` where others hold a needed lock for several seconds: nothing is half done then
    that the next call would not finish.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        table: str,
        ranges: Ranges[Bound],
        where: str,
        *,
        unique: tuple[str, ...] = (),
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pool = pool
        self._table = table
        self._ranges = ranges
        self._where = where
        self._unique = unique
        self._pause = pause

    async def ensure_ahead(self) -> list[str]:
        """Makes what is missing; the names of what was made."""
        async with self._connection() as connection:
            return await self._patiently(lambda: self._make_missing(connection))

    async def ahead(self) -> int:
        """How many partitions lie empty before the writers. Fewer than one is *not ready*."""
        async with self._connection() as connection:
            at = await self._at(connection)
            return sum(part.range.lower > at for part in await self._attached(connection) if not part.half_detached)

    async def detach_older_than(self, bound: Bound) -> list[str]:
        """Takes away the partitions that end at or before `bound`; their tables stay, for archiving. Their names."""
        async with self._connection() as connection:
            old = [part for part in await self._attached(connection) if part.range.upper <= bound]
            for part in old:
                await self._patiently(lambda part=part: self._detach(connection, part.name))
            return [part.name for part in old]

    async def drop_older_than(self, bound: Bound) -> list[str]:
        """Takes away the partitions that end at or before `bound` and drops them, and those an earlier call had to leave. Their names."""
        await self.detach_older_than(bound)
        dropped: list[str] = []
        async with self._connection() as connection:
            for name, statement in await connection.fetch(SQL["detached"], self._table):
                if name < f"{self._name}_p{self._ranges.suffix(bound)}":
                    await self._patiently(lambda statement=statement: connection.execute(statement))
                    dropped.append(name)
        return dropped

    @property
    def _name(self) -> str:
        return self._table.rpartition(".")[2]

    async def _make_missing(self, connection: asyncpg.Connection) -> list[str]:
        async with connection.transaction():
            await connection.execute(SQL["exclusive"], self._table)
            present = [part.range for part in await self._attached(connection)]
            made: list[str] = []
            for range_ in self._ranges.missing(await self._at(connection), present):
                name = f"{self._name}_p{self._ranges.suffix(range_.lower)}"
                creation = await connection.fetchval(SQL["creation"], self._table, name, str(range_.lower), str(range_.upper), self._unique)
                await connection.execute(creation)
                made.append(name)
        if len(present) + len(made) > MAX_ATTACHED_PARTITIONS:
            _logger.warning("partitions.crowded", table=self._table, attached=len(present) + len(made), limit=MAX_ATTACHED_PARTITIONS)
        return made

    async def _detach(self, connection: asyncpg.Connection, name: str) -> None:
        """Asks again each time: an attempt that had to give up has detached it half, another replica perhaps wholly."""
        part = next((part for part in await self._attached(connection) if part.name == name), None)
        if part is not None:
            await connection.execute(await connection.fetchval(SQL["detachment"], self._table, name, part.half_detached))

    async def _attached(self, connection: asyncpg.Connection) -> list[_Attached[Bound]]:
        rows = await connection.fetch(SQL["attached"], self._table)
        found: list[_Attached[Bound]] = []
        for name, expression, half_detached in rows:
            lower, upper = bounds(expression)
            found.append(_Attached(name, Range(self._ranges.bound(lower), self._ranges.bound(upper)), half_detached))
        return found

    async def _at(self, connection: asyncpg.Connection) -> Bound:
        return cast("Bound", await connection.fetchval(SQL[self._where]))

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        for attempt in range(1, _MAX_LOCK_ATTEMPTS):
            try:
                return await step()
            except asyncpg.LockNotAvailableError:
                await self._pause(0.1 * attempt)
        return await step()

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[asyncpg.Connection]:
        async with self._pool.acquire() as connection:
            await connection.execute(f"set lock_timeout = '{_LOCK_TIMEOUT}'; set timezone = 'UTC'")
            yield cast("asyncpg.Connection", connection)


def log_partitions(pool: asyncpg.Pool, size: int = 10_000_000) -> Partitions[int]:
    """The log's, `size` positions each."""
    return Partitions(pool, "event_log.events", ByPosition(size), "head", unique=("tenant", "stream", "version"))


def hourly_partitions(pool: asyncpg.Pool, table: str, ranges: ByHour | None = None) -> Partitions[datetime]:
    """Those of a table that is partitioned by range of one timestamptz column, e.g. `supervisor_heartbeat.heartbeats`."""
    return Partitions(pool, table, ranges or ByHour(), "now")
