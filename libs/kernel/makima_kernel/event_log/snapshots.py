"""Folded states, kept so that a long stream need not be folded again: a cache, never the truth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from makima_kernel.event_log.named_sql import named

SQL: Final = named(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`state` is the fold of a stream's events up to `version`, encoded by whoever folds."""

    version: int
    state: bytes


class Snapshots:
    """The snapshots of one kind of state; `fingerprint` names the code that folds and encodes it, and another one's are ignored."""

    def __init__(self, pool: asyncpg.Pool, fingerprint: str) -> None:
        self._pool = pool
        self._fingerprint = fingerprint

    async def load(self, tenant: str, stream: str) -> Snapshot | None:
        row = await self._pool.fetchrow(SQL["load"], tenant, stream, self._fingerprint)
        return None if row is None else Snapshot(*row)

    async def save(self, tenant: str, stream: str, snapshot: Snapshot) -> None:
        await self._pool.execute(SQL["save"], tenant, stream, snapshot.version, self._fingerprint, snapshot.state)
