"""Who applies the log to a projection, and how far it is: a lease, and a position moved by compare-and-swap."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, cast
from uuid import UUID

import asyncpg

from makima_kernel.event_log.named_sql import named

SQL: Final = named(Path(__file__).with_suffix(".sql"))


class LeaseLostError(RuntimeError):
    """The checkpoint is not ours any more: another replica, or a rebuild, has moved it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """What the owner of the lease goes on from; the rows tell of events that this log does not hold where they are not `of_this_log`."""

    generation: int
    position: int
    of_this_log: bool


@dataclass(frozen=True, slots=True)
class ReadModelPosition:
    """What the rows show: the log with this epoch, up to `position`."""

    epoch: UUID
    position: int


@dataclass(frozen=True, slots=True)
class ProjectionLag:
    """How the rows stand to the log: how long the oldest event that is not applied has been `waiting` (zero: there is none)."""

    waiting: timedelta
    of_another_log: bool


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The checkpoint of `consumer` as `owner` sees it; `lease` is how long a silent owner keeps others out."""

    pool: asyncpg.Pool
    consumer: str
    owner: str
    lease: timedelta

    async def acquire(self) -> Lease | None:
        """The lease, if it is free or ours already."""
        await self.pool.execute(SQL["begin"], self.consumer)
        row = await self.pool.fetchrow(SQL["acquire"], self.consumer, self.owner, self.lease)
        return None if row is None else Lease(row["generation"], row["position"], row["of_this_log"])

    async def advance(self, connection: asyncpg.Connection, held: Lease, position: int, event_id: UUID, search_path: str) -> Lease:
        """To the event at `position`, within the caller's transaction. Raises `LeaseLostError`: the caller must roll back."""
        stalled = f"{int(2 * self.lease.total_seconds() * 1000)}ms"
        moved = await connection.fetchval(
            SQL["advance"], self.consumer, held.generation, self.owner, held.position, position, event_id, self.lease, search_path, stalled
        )
        if moved is None:
            raise LeaseLostError(f"{self.owner} no longer holds {self.consumer}, generation {held.generation}, at {held.position}")
        return Lease(held.generation, position, of_this_log=True)

    async def renew(self, held: Lease) -> None:
        """Raises `LeaseLostError`."""
        if await self.pool.execute(SQL["renew"], self.consumer, held.generation, self.owner, self.lease) == "UPDATE 0":
            raise LeaseLostError(f"{self.owner} no longer holds {self.consumer}, generation {held.generation}")

    async def release(self) -> None:
        await self.pool.execute(SQL["release"], self.consumer, self.owner)

    async def position(self) -> int:
        return cast("int | None", await self.pool.fetchval(SQL["position"], self.consumer)) or 0

    async def read_model_position(self) -> ReadModelPosition | None:
        """None before any replica has begun."""
        row = await self.pool.fetchrow(SQL["shown"], self.consumer)
        return None if row is None else ReadModelPosition(row["epoch"], row["position"])

    async def lag(self) -> ProjectionLag:
        row = cast("asyncpg.Record", await self.pool.fetchrow(SQL["standing"], self.consumer))
        return ProjectionLag(row["waiting"] or timedelta(0), row["of_another_log"])
