"""The recorder's connection to Postgres: a group of shards that nobody else records, and slices written all or nothing."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.log.sql import named

from services.supervisor_heartbeat.domain.senders import moment
from services.supervisor_heartbeat.domain.slices import COLUMNS, Slice

SQL: Final = named(Path(__file__).with_suffix(".sql"))


class LostShardsError(RuntimeError):
    """Another recorder has taken our shards over: what we hold of them is old."""


@dataclass(frozen=True, slots=True)
class Place:
    """Up to where a shard is recorded: its sequence counts in the stream's incarnation `stream_epoch`."""

    stream_epoch: str
    sequence: int


class Store:
    """Owns `shards` while its connection lives and nobody takes them over.

    A commit does not wait for the disk: the watermark is in the same transaction, so what a crash of Postgres takes back is read
    from the broker again.
    """

    def __init__(self, connection: asyncpg.Connection, shards: Sequence[int], owner: str) -> None:
        self._connection, self._shards, self._owner = connection, list(shards), owner

    async def lock(self, number: int) -> bool:
        """Whether this group of shards is ours to record, while the connection lives."""
        return bool(await self._connection.fetchval(SQL["lock"], number))

    async def prepare(self) -> None:
        await self._connection.execute("set synchronous_commit = off")
        await self._connection.execute(SQL["staging"])

    async def own(self) -> dict[int, Place]:
        rows = await self._connection.fetch(SQL["own"], self._shards, self._owner)
        return {row["shard"]: Place(row["stream_epoch"], row["sequence"]) for row in rows}

    async def write(self, slice_: Slice) -> None:
        """Raises `LostShardsError`, and asyncpg's errors; nothing is written then."""
        until = (self._shards, self._owner, slice_.stream_epoch, slice_.sequence, moment(slice_.received_ns))
        if not slice_.rows:
            self._require((await self._connection.execute(SQL["move"], *until)).removeprefix("UPDATE "))
            return
        lines = io.BytesIO("".join(slice_.rows).encode())
        async with self._connection.transaction():
            await self._connection.copy_to_table("arriving", source=lines, columns=COLUMNS)
            self._require(await self._connection.fetchval(SQL["record"], *until))

    def _require(self, moved: int | str) -> None:
        if int(moved) != len(self._shards):
            raise LostShardsError(f"shards {self._shards} are not {self._owner}'s any more")
