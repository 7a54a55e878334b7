"""Reading the log: one stream, or everything after a position."""

from collections.abc import Sequence
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


class Log:
    """The log as its readers see it, over a pool that they share."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def stream(self, tenant: str, stream: str, after: int = 0, limit: int | None = None) -> list[Recorded]:
        """The events of a stream above version `after`, in order."""
        return _recorded(await self._pool.fetch(SQL["stream"], tenant, stream, after, limit))

    async def after(self, position: int, limit: int = 1000) -> list[Recorded]:
        """At most `limit` events above `position`, in order: what follows the last of them was not skipped, it is yet to come."""
        return _recorded(await self._pool.fetch(SQL["after"], position, limit))

    async def head(self) -> int:
        """The last position, 0 in an empty log."""
        return cast("int", await self._pool.fetchval(SQL["head"]))

    async def epoch(self) -> UUID:
        """Which log this is; another epoch means that positions may have been used again."""
        return cast("UUID", await self._pool.fetchval(SQL["epoch"]))

    async def answered(self, tenant: str, command_id: UUID, request_hash: bytes) -> Duplicate | KeyReused | None:
        """The first answer to a command, kept for 30 days; `KeyReused` where its id was another request's."""
        row = await self._pool.fetchrow(SQL["answered"], tenant, command_id, request_hash)
        if row is None:
            return None
        version, position, changed, same = row
        return Duplicate(version, position, changed) if same else KeyReused()

    def snapshots(self, fingerprint: str) -> Snapshots:
        """Folded states that are kept beside this log."""
        return Snapshots(self._pool, fingerprint)


def _recorded(rows: Sequence[asyncpg.Record]) -> list[Recorded]:
    """Columns stand in the order of `Recorded`; only `meta` needs decoding. This loop is what bounds a rebuild."""
    loads = orjson.loads
    return [
        Recorded(position, tenant, stream, version, event_id, command_id, name, schema, data, cast("EventMeta", loads(meta)), recorded_at)
        for position, tenant, stream, version, event_id, command_id, name, schema, data, meta, recorded_at in rows
    ]
