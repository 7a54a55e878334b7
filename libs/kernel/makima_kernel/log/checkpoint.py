"""Who applies the log to a projection, and how far it is: a lease, and a position moved by compare-and-swap."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, cast

import asyncpg

from makima_kernel.log.sql import named

SQL: Final = named(Path(__file__).with_suffix(".sql"))


class LostSwapError(RuntimeError):
    """The checkpoint is not ours any more: another replica, or a rebuild, has moved it."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the owner of the lease goes on from."""

    generation: int
    position: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The checkpoint of `consumer` as `owner` sees it; `lease` is how long a silent owner keeps others out."""

    pool: asyncpg.Pool
    consumer: str
    owner: str
    lease: timedelta

    async def acquire(self) -> Held | None:
        """The lease, if it is free or ours already."""
        await self.pool.execute(SQL["begin"], self.consumer)
        row = await self.pool.fetchrow(SQL["acquire"], self.consumer, self.owner, self.lease)
        return None if row is None else Held(row["generation"], row["position"])

    async def advance(self, connection: asyncpg.Connection, held: Held, position: int, search_path: str) -> Held:
        """Within the caller's transaction. Raises `LostSwapError`: the caller must roll back."""
        stalled = f"{int(2 * self.lease.total_seconds() * 1000)}ms"
        moved = await connection.fetchval(
            SQL["advance"], self.consumer, held.generation, self.owner, held.position, position, self.lease, search_path, stalled
        )
        if moved is None:
            raise LostSwapError(f"{self.owner} no longer holds {self.consumer}, generation {held.generation}, at {held.position}")
        return Held(held.generation, position)

    async def renew(self, held: Held) -> None:
        """Raises `LostSwapError`."""
        if await self.pool.execute(SQL["renew"], self.consumer, held.generation, self.owner, self.lease) == "UPDATE 0":
            raise LostSwapError(f"{self.owner} no longer holds {self.consumer}, generation {held.generation}")

    async def release(self) -> None:
        await self.pool.execute(SQL["release"], self.consumer, self.owner)

    async def position(self) -> int:
        return cast("int | None", await self.pool.fetchval(SQL["position"], self.consumer)) or 0

    async def waiting(self) -> timedelta:
        """How long the oldest event that is not applied has been waiting; zero where none is."""
        return cast("timedelta | None", await self.pool.fetchval(SQL["waiting"], self.consumer)) or timedelta(0)
