"""A projection's checkpoint: the lease of its active replica, and its position, moved by compare-and-swap."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, cast
from uuid import UUID

import asyncpg

from makima_kernel.event_log.named_sql import named

SQL: Final = named(Path(__file__).with_suffix(".sql"))


class LeaseLostError(RuntimeError):
    """This replica no longer holds the checkpoint: another replica, or a rebuild, has moved it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """What the owner of the lease continues from."""

    generation: int  # of the checkpoint and the tables; each rebuild makes the next one
    position: int  # the last position that is applied to the tables
    # False after a restore: the rows were folded from events that this log does not contain: rebuild them.
    of_this_log: bool
    # False after an upgrade or its rollback: code with another fold number has applied events to the tables.
    of_this_fold: bool


@dataclass(frozen=True, slots=True)
class ReadModelPosition:
    """Which log the tables show, and up to which position."""

    epoch: UUID  # of the log whose events are in the tables
    position: int  # the last one that is applied


@dataclass(frozen=True, slots=True)
class ProjectionLag:
    """How far the tables are behind the log."""

    # How long the oldest event that is not applied has been in the log; zero if all are applied.
    waiting: timedelta
    of_another_log: bool  # the tables show another epoch than the log has


@dataclass(frozen=True, slots=True)
class Outdated:
    """Why the live tables must be rebuilt."""

    of_another_log: bool  # they show events that this log does not contain
    fold_number: int | None  # of the code that folded them; None: it did not record one


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Access to the checkpoint of one consumer for one replica. All methods raise what asyncpg raises."""

    pool: asyncpg.Pool
    consumer: str  # the projection's name
    owner: str  # this replica's name
    lease: timedelta  # how long an owner that does not renew its lease keeps other replicas out
    fold_number: int  # of this build's projection

    async def acquire(self) -> Lease | None:
        """Takes the lease if it is free, expired or held by this owner; None if another owner holds it."""
        await self.pool.execute(SQL["begin"], self.consumer)
        row = await self.pool.fetchrow(
            SQL["acquire"], self.consumer, self.owner, self.lease, self.fold_number
        )
        return None if row is None else Lease(*row)

    async def advance(
        self, connection: asyncpg.Connection, held: Lease, position: int, event_id: UUID, search_path: str
    ) -> Lease:
        """Moves the checkpoint to the event at `position` in the caller's transaction, and renews the lease.

        Also sets the transaction's search path to `search_path`, and lets the server end the transaction if
        it idles for twice the lease. Raises `LeaseLostError`; then the caller must roll back.
        """
        stalled = f"{int(2 * self.lease.total_seconds() * 1000)}ms"
        moved = await connection.fetchval(
            SQL["advance"],
            self.consumer,
            held.generation,
            self.owner,
            held.position,
            position,
            event_id,
            self.lease,
            search_path,
            stalled,
            self.fold_number,
        )
        if moved is None:
            raise LeaseLostError(
                f"{self.owner} no longer holds the lease of {self.consumer}, generation {held.generation}, at {held.position}"
            )
        return Lease(held.generation, position, of_this_log=True, of_this_fold=held.of_this_fold)

    async def outdated(self) -> Outdated | None:
        """Why this owner must rebuild the live tables; None if they are up to date or another owner's."""
        row = await self.pool.fetchrow(SQL["outdated"], self.consumer, self.owner, self.fold_number)
        if row is None or not (row["of_another_log"] or row["of_another_fold"]):
            return None
        return Outdated(row["of_another_log"], row["fold_number"])

    async def renew(self, held: Lease) -> None:
        """Extends the lease without moving the position. Raises `LeaseLostError`."""
        if (
            await self.pool.execute(SQL["renew"], self.consumer, held.generation, self.owner, self.lease)
            == "UPDATE 0"
        ):
            raise LeaseLostError(
                f"{self.owner} no longer holds the lease of {self.consumer}, generation {held.generation}"
            )

    async def release(self) -> None:
        """Gives up the lease, if this owner holds it, so that another replica can take it at once."""
        await self.pool.execute(SQL["release"], self.consumer, self.owner)

    async def position(self) -> int:
        """The position of the live tables, whichever replica writes them; 0 if there is no checkpoint yet."""
        return cast("int | None", await self.pool.fetchval(SQL["position"], self.consumer)) or 0

    async def read_model_position(self) -> ReadModelPosition | None:
        """Which log the live tables show, and how far; None before any replica has begun."""
        row = await self.pool.fetchrow(SQL["shown"], self.consumer)
        return None if row is None else ReadModelPosition(row["epoch"], row["position"])

    async def lag(self) -> ProjectionLag:
        """How far the live tables are behind the log, whichever replica writes them."""
        row = cast("asyncpg.Record", await self.pool.fetchrow(SQL["standing"], self.consumer))
        return ProjectionLag(row["waiting"] or timedelta(0), row["of_another_log"])
