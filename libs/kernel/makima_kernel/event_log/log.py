"""Reads the log: the events of one stream, or all events after a position."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Final, cast
from uuid import UUID

import asyncpg
import orjson
from makima_schemas.envelope import EventMeta, Recorded

from makima_kernel.event_log.append import Duplicate, KeyReused
from makima_kernel.event_log.named_sql import named
from makima_kernel.event_log.snapshots import Snapshots

SQL: Final = named(Path(__file__).with_suffix(".sql"))

MAX_POSITION: Final = 2**63 - 1  # the largest log position (bigint)
PAGE_EVENTS: Final = 64  # of a stream that are read at once; an event may have 256 KiB


class Log:
    """Queries on the log, over a shared connection pool. All methods raise what asyncpg raises."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def stream(
        self, tenant: str, stream: str, after: int = 0, limit: int | None = None
    ) -> list[Recorded]:
        """The events of a stream with a version above `after`, in order; all of them if `limit` is None."""
        return _recorded(await self._pool.fetch(SQL["stream"], tenant, stream, after, limit))

    async def stream_backwards(
        self, tenant: str, stream: str, before: int, after: int, limit: int
    ) -> list[Recorded]:
        """At most `limit` events of a stream with a version below `before` and above `after`, newest first."""
        return _recorded(
            await self._pool.fetch(SQL["stream_backwards"], tenant, stream, after, before, limit)
        )

    async def pages(
        self, tenant: str, stream: str, after: int = 0, size: int = PAGE_EVENTS
    ) -> AsyncGenerator[list[Recorded]]:
        """As `stream`, by at most `size` events at once: a stream of large ones is never in memory as a whole."""
        while events := await self.stream(tenant, stream, after, size):
            yield events
            if len(events) < size:
                return
            after = events[-1].version

    async def newest(
        self, tenant: str, stream: str, types: Sequence[str], member: str, limit: int
    ) -> list[Recorded]:
        """At most `limit` events of a stream that are of these types and have this member, newest first."""
        return _recorded(await self._pool.fetch(SQL["newest"], tenant, stream, types, member, limit))

    async def newest_of_each(
        self, tenant: str, streams: Sequence[str], types: Sequence[str], limit: int
    ) -> list[Recorded]:
        """The newest events of these streams that are of these types, at most `limit` of each: stream by stream,
        oldest first.
        """
        return _recorded(await self._pool.fetch(SQL["newest_of_each"], tenant, list(streams), types, limit))

    async def positions_of(
        self, tenant: str, streams: Sequence[str], after: int, before: int, limit: int, *, newest_first: bool
    ) -> list[int]:
        """Where the events of these streams stand, between the positions `after` and `before`: at most `limit`, the
        first ones in order, or the last ones, newest first.
        """
        name = "newest_of" if newest_first else "oldest_of"
        rows = await self._pool.fetch(SQL[name], tenant, list(streams), after, before, limit)
        return [row[0] for row in rows]

    async def at(self, positions: Sequence[int]) -> list[Recorded]:
        """The events at these positions, in order; those that are not there are missing."""
        return _recorded(await self._pool.fetch(SQL["at"], list(positions)))

    async def after(self, position: int, limit: int = 1000) -> list[Recorded]:
        """At most `limit` events with a position above `position`, in order.

        Positions have no gaps and become visible in order:
        no event can appear later between the returned ones.
        """
        return _recorded(await self._pool.fetch(SQL["after"], position, limit))

    async def contracts_touched(self, after: int, upto: int, limit: int) -> list[tuple[int, str, str | None]]:
        """Position, tenant and contract id (null: it concerns none) of at most `limit` events, in order."""
        rows = await self._pool.fetch(SQL["contracts_touched"], after, upto, limit)
        return [(row[0], row[1], row[2]) for row in rows]

    async def actors(self, positions: Sequence[int]) -> dict[int, str]:
        """Who sent the commands of the events at these positions."""
        if not positions:
            return {}
        rows = await self._pool.fetch(SQL["actors"], list(positions))
        return {row[0]: row[1] for row in rows}

    async def ids(self, position: int, limit: int = 1000) -> list[tuple[int, UUID]]:
        """Position and event id of at most `limit` events with a position above `position`, in order."""
        return [(row[0], row[1]) for row in await self._pool.fetch(SQL["ids"], position, limit)]

    async def head(self) -> int:
        """The last position, 0 in an empty log."""
        return cast("int", await self._pool.fetchval(SQL["head"]))

    async def epoch(self) -> UUID:
        """The identity of this log.

        After a change of the epoch, a position may denote another event than before.
        """
        return cast("UUID", await self._pool.fetchval(SQL["epoch"]))

    async def of_one_epoch(self) -> bool:
        """True if every position of this log was given out under its present epoch."""
        return bool(await self._pool.fetchval(SQL["of_one_epoch"]))

    async def answered(
        self, tenant: str, command_id: UUID, request_hash: bytes
    ) -> Duplicate | KeyReused | None:
        """The first answer to a command, kept for 30 days; None if this command id has none.

        `KeyReused` if another request (one with another hash) used the command id.
        """
        row = await self._pool.fetchrow(SQL["answered"], tenant, command_id, request_hash)
        if row is None:
            return None
        version, position, changed, same = row
        return Duplicate(version, position, changed) if same else KeyReused()

    def snapshots(self, fingerprint: str) -> Snapshots:
        """The snapshots of states that the code identified by `fingerprint` has folded from this log."""
        return Snapshots(self._pool, fingerprint)


def _recorded(rows: Sequence[asyncpg.Record]) -> list[Recorded]:
    """Converts rows to `Recorded`: columns are in its order, and only `meta` needs decoding.

    This loop limits the speed of a rebuild, so it is kept minimal.
    """
    loads = orjson.loads
    return [
        Recorded(
            position,
            tenant,
            stream,
            version,
            event_id,
            command_id,
            name,
            schema,
            data,
            cast("EventMeta", loads(meta)),
            recorded_at,
        )
        for position, tenant, stream, version, event_id, command_id, name, schema, data, meta, recorded_at in rows
    ]
