"""Rebuilds a projection: folds the log into new tables that replace the live ones in one transaction."""

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

import asyncpg
import structlog
from asyncpg.exceptions import DeadlockDetectedError, LockNotAvailableError
from makima_schemas.codec import UnknownEventError

from makima_kernel.event_log.log import Log
from makima_kernel.event_log.named_sql import named
from makima_kernel.event_log.sessions import changed_session
from makima_kernel.projections import checkpoint
from makima_kernel.projections.checkpoint import Checkpoint
from makima_kernel.projections.projection import DecodedBatch, Projection, decode_batch
from makima_kernel.telemetry import metrics

SQL: Final = named(Path(__file__).with_suffix(".sql"))
_MAX_BATCH: Final = 5000  # events per transaction
_TABLE_LOCK_RETRY_SECONDS: Final = 0.2  # seconds between two tries to lock the live tables

_logger = structlog.get_logger(__name__)


class RebuildRunningError(RuntimeError):
    """Another rebuild of this Postgres schema is running."""


def _ignore(_position: int, _head: int) -> None:
    """The default of `on_progress`."""


OnProgress = Callable[[int, int], None]  # the position of the new tables, and the last one of the log


async def rebuild(
    projection: Projection,
    pool: asyncpg.Pool,
    log: Log,
    *,
    max_batch: int = _MAX_BATCH,
    on_progress: OnProgress = _ignore,
) -> int:
    """Rebuilds the tables of `projection` from position 1; returns the position that they show.

    Readers see the old rows until the swap. The active projector keeps applying events to the old tables
    meanwhile, and continues with the new ones. Undecodable events are skipped: the projector sent them to the
    dead letters when it first read them. The new tables get the indexes, constraints and storage parameters
    of the live ones, but no foreign keys and no triggers. Raises `RebuildRunningError`, and
    `UnknownEventError` at an event that would stop the projection.
    """
    async with _exclusive(projection, pool) as connection:
        return await _Rebuild(projection, connection, log, max_batch, on_progress).run(pool)


async def rebuild_outdated(
    projection: Projection, pool: asyncpg.Pool, log: Log, live: Checkpoint, on_progress: OnProgress
) -> bool:
    """As `rebuild`, but only if the live tables are `Checkpoint.outdated`, else returns False.

    This is checked while no other rebuild can run, so that two replicas do not rebuild one after the other.
    """
    async with _exclusive(projection, pool) as connection:
        if await live.outdated() is None:
            return False
        await _Rebuild(projection, connection, log, _MAX_BATCH, on_progress).run(pool)
        return True


@asynccontextmanager
async def _exclusive(projection: Projection, pool: asyncpg.Pool) -> AsyncGenerator[asyncpg.Connection]:
    async with changed_session(pool) as connection:
        if not await connection.fetchval(SQL["lock"], projection.schema):
            raise RebuildRunningError(f"schema {projection.schema} is already being rebuilt")
        yield connection


@contextmanager
def _rare_collections() -> Generator[None]:
    """Makes garbage collections rare, which would take 20 % of the time.

    A rebuild makes millions of objects, and no reference cycles that only the collector could free.
    """
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Rebuild:
    def __init__(
        self,
        projection: Projection,
        connection: asyncpg.Connection,
        log: Log,
        max_batch: int,
        on_progress: OnProgress,
    ) -> None:
        self._projection, self._connection, self._log = projection, connection, log
        self._max_batch, self._on_progress = max_batch, on_progress
        self._live, self._next = f'"{projection.schema}"', f'"{projection.schema}__next"'
        self._generation = 0
        self._position = 0
        self._head = 0

    async def run(self, pool: asyncpg.Pool) -> int:
        """Makes the new tables and swaps them in; returns the position that they show."""
        try:
            await self.prepare(pool)
            while True:
                with _rare_collections():
                    await self.catch_up()
                try:
                    return await self.swap()
                except (LockNotAvailableError, DeadlockDetectedError):
                    # A reader holds the tables for long: let the others through.
                    await asyncio.sleep(_TABLE_LOCK_RETRY_SECONDS)
        finally:
            with suppress(KeyError):
                metrics.projection_rebuild.remove(self._projection.name)

    async def prepare(self, pool: asyncpg.Pool) -> None:
        """Makes an empty copy of each table in another schema, and the checkpoint of the next generation.

        That schema stays, because a service's role may create none.
        """
        await pool.execute(checkpoint.SQL["begin"], self._projection.name)
        async with self._connection.transaction():
            self._generation = await self._connection.fetchval(SQL["start"], self._projection.name)
            for (statement,) in await self._connection.fetch(
                SQL["cleared"], f"{self._projection.schema}__next"
            ):
                await self._connection.execute(statement)
            for table in self._projection.tables:
                await self._copy_table(f'"{table}"')
        _logger.info("projection.rebuild", projection=self._projection.name, generation=self._generation)

    async def _copy_table(self, table: str) -> None:
        await self._search(self._live)
        constraints = await self._connection.fetch(SQL["constraints"], table)
        indexes = await self._connection.fetch(SQL["indexes"], table)
        options = await self._connection.fetchval(SQL["options"], table)
        await self._search(self._next)
        await self._connection.execute(
            f"create table {table} (like {self._live}.{table} including all excluding indexes)"
        )
        if options:
            await self._connection.execute(f"alter table {table} set ({options})")
        for constraint in constraints:
            await self._connection.execute(
                f'alter table {table} add constraint "{constraint["conname"]}" {constraint["definition"]}'
            )
        for index in indexes:
            await self._connection.execute(index["definition"])

    async def _search(self, schema: str) -> None:
        await self._connection.execute("select set_config('search_path', $1, true)", schema)

    async def catch_up(self) -> None:
        """Applies the log up to its end; decodes the next batch while Postgres applies the present one."""
        self._head = max(self._head, await self._log.head())
        sifted = await self._read(self._position, self._max_batch)
        while sifted is not None:
            sifted, _ = await asyncio.gather(
                self._read(sifted.position, self._max_batch), self._apply(sifted)
            )

    async def _read(self, position: int, limit: int) -> DecodedBatch | None:
        batch = await self._log.after(position, limit)
        return decode_batch(self._projection, batch) if batch else None

    async def _apply(self, sifted: DecodedBatch) -> None:
        async with self._connection.transaction():
            await self._fold(sifted)
            await self._connection.execute(
                SQL["progress"], self._projection.name, self._generation, sifted.position
            )
        self._position = sifted.position
        self._head = max(self._head, self._position)
        metrics.exported(metrics.projection_rebuild).labels(self._projection.name).set(
            self._position / self._head
        )
        self._on_progress(self._position, self._head)

    async def _fold(self, sifted: DecodedBatch) -> None:
        if sifted.unknown is not None:
            raise UnknownEventError(sifted.unknown)
        await self._search(self._next)
        if sifted.applied:
            await self._projection.apply(self._connection, sifted.applied)

    async def swap(self) -> int:
        """Replaces the live tables by the new ones; returns the position that they show.

        Before, the new tables are brought at least to the position of the live ones, so that a reader never
        sees the position go back.
        """
        async with self._connection.transaction():
            # Below Postgres' own deadlock_timeout, so that it is us who give way, never a reader.
            await self._connection.execute("set local lock_timeout = '500ms'")
            shown: int = await self._connection.fetchval(
                SQL["hold"], self._projection.name, self._generation - 1
            )
            position = self._position
            while position < shown and (
                sifted := await self._read(position, min(self._max_batch, shown - position))
            ):
                await self._fold(sifted)
                position = sifted.position
            tables = [f'"{table}"' for table in self._projection.tables]
            await self._connection.execute(
                f"lock table {', '.join(f'{self._live}.{table}' for table in tables)} in access exclusive mode"
            )
            for table in tables:
                await self._connection.execute(
                    f"drop table {self._live}.{table}; alter table {self._next}.{table} set schema {self._live}"
                )
            await self._connection.execute(
                SQL["promote"],
                self._projection.name,
                self._generation,
                position,
                self._projection.fold_number,
            )
        _logger.info(
            "projection.rebuilt",
            projection=self._projection.name,
            generation=self._generation,
            position=position,
        )
        return position
