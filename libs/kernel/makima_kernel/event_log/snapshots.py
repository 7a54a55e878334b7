"""Stores folded states, so that a long stream need not be folded again. A cache: the log is authoritative."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from makima_kernel.event_log.named_sql import named

SQL: Final = named(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A stored state of one stream."""

    version: int  # of the last event that was folded into the state
    state: bytes  # the folded state, in the encoding of the code that folds


class Snapshots:
    """The snapshots of one kind of state.

    `fingerprint` identifies the code that folds and encodes it; snapshots of other code are ignored.
    """

    def __init__(self, pool: asyncpg.Pool, fingerprint: str) -> None:
        self._pool = pool
        self._fingerprint = fingerprint

    async def load(self, tenant: str, stream: str) -> Snapshot | None:
        """The snapshot of a stream, or None. Raises what asyncpg raises."""
        row = await self._pool.fetchrow(SQL["load"], tenant, stream, self._fingerprint)
        return None if row is None else Snapshot(*row)

    async def save(self, tenant: str, stream: str, snapshot: Snapshot) -> None:
        """Replaces an older snapshot, or one with another fingerprint. Raises what asyncpg raises."""
        await self._pool.execute(
            SQL["save"], tenant, stream, snapshot.version, self._fingerprint, snapshot.state
        )
