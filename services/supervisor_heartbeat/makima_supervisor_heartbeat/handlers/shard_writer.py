"""Writes batches and watermarks to Postgres in one transaction, fenced by shard ownership."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.event_log.copy_text import copy_source
from makima_kernel.event_log.named_sql import named

from makima_supervisor_heartbeat.domain.batching.write_batch import COLUMNS, WriteBatch
from makima_supervisor_heartbeat.domain.broker_time import moment
from makima_supervisor_heartbeat.domain.offsets import Offset

SQL: Final = named(Path(__file__).with_suffix(".sql"))


class ShardOwnershipLostError(RuntimeError):
    """Another recorder has taken over these shards: the in-memory state of this one is outdated."""


async def lock(connection: asyncpg.Connection, shards: Sequence[int]) -> bool:
    """Try to take the advisory locks of all shards, which last as long as the connection.

    Locks in ascending order, so that of two recorders that try at the same time one gets all. If one lock is
    taken, all are released and False is returned.
    """
    for shard in sorted(shards):
        if not await connection.fetchval(SQL["lock"], shard):
            await connection.execute(SQL["unlock"])
            return False
    return True


class ShardWriter:
    """Writes the batches of one lane over one connection. Owns `shards` until another recorder takes them
    over.

    Commits are asynchronous (`synchronous_commit = off`). The watermark is in the same transaction, so rows
    that a crash of Postgres loses are read from the broker again.
    """

    def __init__(self, connection: asyncpg.Connection, shards: Sequence[int], owner: str) -> None:
        self._connection, self._shards, self._owner = connection, list(shards), owner

    async def prepare(self) -> None:
        """Set up the session: asynchronous commits, and the temporary staging table."""
        await self._connection.execute(SQL["unhurried"])
        await self._connection.execute(SQL["staging"])

    async def own(self) -> dict[int, Offset]:
        """Become the owner of the shards in the table `watermarks`; returns the recorded offset of each."""
        rows = await self._connection.fetch(SQL["own"], self._shards, self._owner)
        return {row["shard"]: Offset(row["stream_epoch"], row["sequence"]) for row in rows}

    async def write(self, slice_: WriteBatch) -> None:
        """Write the rows and move the watermarks in one transaction.

        Raises `ShardOwnershipLostError` and asyncpg's errors; then nothing is written.
        """
        until = (self._shards, self._owner, slice_.stream_epoch, slice_.sequence, moment(slice_.received_ns))
        if not slice_.rows:
            self._require((await self._connection.execute(SQL["move"], *until)).removeprefix("UPDATE "))
            return
        lines = "".join(slice_.rows).encode()
        async with self._connection.transaction():
            await self._connection.copy_to_table("arriving", source=copy_source(lines), columns=COLUMNS)
            self._require(await self._connection.fetchval(SQL["record"], *until))

    def _require(self, moved: int | str) -> None:
        if int(moved) != len(self._shards):
            raise ShardOwnershipLostError(f"shards {self._shards} are no longer owned by {self._owner}")
