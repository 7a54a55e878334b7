"""Creates partitions before they are needed and removes old ones, without blocking readers or writers."""

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
from makima_kernel.event_log.sessions import changed_session

T = TypeVar("T")

SQL: Final = named(Path(__file__).with_suffix(".sql"))
MAX_ATTACHED_PARTITIONS: Final = (
    50  # with more partitions, planning and locking slow down every query: log a warning
)

_LOCK_TIMEOUT: Final = "1s"
_MAX_LOCK_ATTEMPTS: Final = 5  # per step, when a needed lock is not available

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Attached(Generic[Bound]):
    name: str  # the partition's table, without its schema
    range: Range[Bound]
    half_detached: bool  # a DETACH CONCURRENTLY began and was not finished


Create = Callable[[asyncpg.Connection, str, Range[Bound]], Awaitable[None]]


class Partitions(Generic[Bound]):
    """The partitions of one table; build it with `log_partitions` or `hourly_partitions`.

    `ranges` says which partitions should exist, `where` names the statement that returns the writers' current
    bound, and `create` creates and attaches a partition of a name and a range; None: as the table's owner.
    Several replicas may call all methods at the same time. They raise `asyncpg.LockNotAvailableError` if another session holds a needed
    lock for several seconds; the next call finishes whatever was left half done.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        table: str,
        ranges: Ranges[Bound],
        where: str,
        *,
        create: Create[Bound] | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pool = pool
        self._table = table
        self._ranges = ranges
        self._where = where
        self._create = create or self._create_as_owner
        self._pause = pause

    async def ensure_ahead(self) -> list[str]:
        """Creates the missing partitions; returns their names."""
        async with self._connection() as connection:
            return await self._patiently(lambda: self._make_missing(connection))

    async def ahead(self) -> int:
        """The number of empty partitions ahead of the writers. At 0 the service is not ready."""
        async with self._connection() as connection:
            at = await self._at(connection)
            return sum(
                part.range.lower > at for part in await self._attached(connection) if not part.half_detached
            )

    async def detach_older_than(self, bound: Bound) -> list[str]:
        """Detaches the partitions that end at or before `bound`; returns their names.

        Their tables stay, for archiving.
        """
        async with self._connection() as connection:
            old = [part for part in await self._attached(connection) if part.range.upper <= bound]
            for part in old:
                await self._patiently(lambda part=part: self._detach(connection, part.name))
            return [part.name for part in old]

    async def drop_older_than(self, bound: Bound) -> list[str]:
        """Detaches and drops the partitions that end at or before `bound`; returns their names.

        Also drops partitions that an earlier call detached but could not drop.
        """
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
                await self._create(connection, name, range_)
                made.append(name)
        if len(present) + len(made) > MAX_ATTACHED_PARTITIONS:
            _logger.warning(
                "partitions.crowded",
                table=self._table,
                attached=len(present) + len(made),
                limit=MAX_ATTACHED_PARTITIONS,
            )
        return made

    async def _create_as_owner(self, connection: asyncpg.Connection, name: str, range_: Range[Bound]) -> None:
        bounds_ = (str(range_.lower), str(range_.upper))
        await connection.execute(await connection.fetchval(SQL["creation"], self._table, name, *bounds_))

    async def _detach(self, connection: asyncpg.Connection, name: str) -> None:
        """Detaches one partition. Each attempt reads the partition's state again.

        An earlier attempt that gave up may have left it half detached; another replica may have finished it.
        """
        part = next((part for part in await self._attached(connection) if part.name == name), None)
        if part is not None:
            await connection.execute(
                await connection.fetchval(SQL["detachment"], self._table, name, part.half_detached)
            )

    async def _attached(self, connection: asyncpg.Connection) -> list[_Attached[Bound]]:
        rows = await connection.fetch(SQL["attached"], self._table)
        found: list[_Attached[Bound]] = []
        for name, expression, half_detached in rows:
            lower, upper = bounds(expression)
            found.append(
                _Attached(name, Range(self._ranges.bound(lower), self._ranges.bound(upper)), half_detached)
            )
        return found

    async def _at(self, connection: asyncpg.Connection) -> Bound:
        """The writers' current position or time."""
        return cast("Bound", await connection.fetchval(SQL[self._where]))

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        """Runs `step`, and retries it while another session holds a lock that it needs."""
        for attempt in range(1, _MAX_LOCK_ATTEMPTS):
            try:
                return await step()
            except asyncpg.LockNotAvailableError:
                await self._pause(0.1 * attempt)
        return await step()

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[asyncpg.Connection]:
        async with changed_session(self._pool) as connection:
            await connection.execute(f"set lock_timeout = '{_LOCK_TIMEOUT}'; set timezone = 'UTC'")
            yield connection


def log_partitions(pool: asyncpg.Pool, size: int = 10_000_000) -> Partitions[int]:
    """The partitions of the log, `size` positions each. The log's owner creates them, whoever asks for it."""
    return Partitions(pool, "event_log.events", ByPosition(size), "head", create=_create_of_the_log)


async def _create_of_the_log(connection: asyncpg.Connection, _name: str, range_: Range[int]) -> None:
    await connection.execute(SQL["log_partition"], range_.lower, range_.upper)


def hourly_partitions(pool: asyncpg.Pool, table: str, ranges: ByHour | None = None) -> Partitions[datetime]:
    """The hourly partitions of a table such as `supervisor_heartbeat.heartbeats`.

    The table must be partitioned by range of one timestamptz column.
    """
    return Partitions(pool, table, ranges or ByHour(), "now")
