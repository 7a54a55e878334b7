"""The recorder's way into Postgres: shards that nobody else records, and slices written all or nothing."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.event_log.named_sql import named

from makima_supervisor_heartbeat.domain.batching.write_batch import COLUMNS, WriteBatch
from makima_supervisor_heartbeat.domain.offsets import Offset
from makima_supervisor_heartbeat.domain.sender_cache import moment

SQL: Final = named(Path(__file__).with_suffix(".sql"))


class ShardOwnershipLostError(RuntimeError):
    """Another recorder has taken our shards over: what we hold of them is old."""


async def lock(connection: asyncpg.Connection, shards: Sequence[int]) -> bool:
    """Whether these shards are ours to record, while the connection lives. In order, so that of two who ask at once one gets all;
    none is kept unless all are.
    """
    for shard in sorted(shards):
        if not await connection.fetchval(SQL["lock"], shard):
            await connection.execute(SQL["unlock"])
            return False
    return True


class ShardWriter:
    """One lane into the database. Owns `shards` while its connection lives and nobody takes them over.

    A commit does not wait for the disk: the watermark is in the same transaction, so what a crash of Postgres takes back is read
    from the broker again.
    """

    def __init__(self, connection: asyncpg.Connection, shards: Sequence[int], owner: str) -> None:
        self._connection, self._shards, self._owner = connection, list(shards), owner

    async def prepare(self) -> None:
        await self._connection.execute(SQL["unhurried"])
        await self._connection.execute(SQL["staging"])

    async def own(self) -> dict[int, Offset]:
        rows = await self._connection.fetch(SQL["own"], self._shards, self._owner)
        return {row["shard"]: Offset(row["stream_epoch"], row["sequence"]) for row in rows}

    async def write(self, slice_: WriteBatch) -> None:
        """Raises `ShardOwnershipLostError`, and asyncpg's errors; nothing is written then."""
        until = (self._shards, self._owner, slice_.stream_epoch, slice_.sequence, moment(slice_.received_ns))
        if not slice_.rows:
            self._require((await self._connection.execute(SQL["move"], *until)).removeprefix("UPDATE "))
            return
        lines = "".join(slice_.rows).encode()
        async with self._connection.transaction():
            await self._connection.copy_to_table("arriving", source=_at_once(lines), columns=COLUMNS)
            self._require(await self._connection.fetchval(SQL["record"], *until))

    def _require(self, moved: int | str) -> None:
        if int(moved) != len(self._shards):
            raise ShardOwnershipLostError(f"shards {self._shards} are not {self._owner}'s any more")


async def _at_once(lines: bytes) -> AsyncGenerator[bytes]:
    """What asyncpg takes without a thread: it would read a file in one, and take bare bytes for a path."""
    yield lines
