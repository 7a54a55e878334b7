"""What the detector asks its own tables, and the life of a to-do row: claimed, then done or put off."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.event_log.named_sql import named
from makima_schemas.codec import adapter

from makima_completion_detector.domain.snapshot import Snapshot

SQL: Final = named(Path(__file__).with_suffix(".sql"))
SNAPSHOT: Final = adapter(Snapshot)

EVALUATION_LEASE_SECONDS: Final = 20.0  # longer than a validator and the ask after it; a replica that dies holds a look up for so long


@dataclass(frozen=True, slots=True)
class Todo:
    """A look that is owed since the event at `position`, under the trace that it belongs to."""

    tenant: str
    contract_id: str
    position: int
    traceparent: str | None

    @property
    def forced(self) -> bool:
        """No event asked for it, so somebody did."""
        return self.position == 0


class Queries:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def snapshot(self, tenant: str, contract_id: str) -> Snapshot | None:
        text = await self._pool.fetchval(SQL["snapshot"], tenant, contract_id)
        return None if text is None else SNAPSHOT.validate_json(text)

    async def claim(self) -> Todo | None:
        """A look that nobody else is taking; after `EVALUATION_LEASE_SECONDS` without `done` or `later` it is anybody's again."""
        row = await self._pool.fetchrow(SQL["claim"], EVALUATION_LEASE_SECONDS)
        return None if row is None else Todo(**row)

    async def done(self, todo: Todo) -> None:
        """Strike the look off, or, if something has happened since it was claimed, give it free again."""
        if not await self._pool.fetchval(SQL["done"], todo.tenant, todo.contract_id, todo.position):
            await self._pool.execute(SQL["release"], todo.tenant, todo.contract_id)

    async def reschedule(self, todo: Todo, seconds: float) -> None:
        await self._pool.execute(SQL["later"], todo.tenant, todo.contract_id, todo.position, seconds)

    async def enqueue(self, tenant: str, contract_id: str, traceparent: str | None) -> None:
        await self._pool.execute(SQL["owe"], tenant, contract_id, traceparent)

    async def cleanup_expired(self, todo: Todo, episode: int, timeout_seconds: float) -> bool:
        """Whether the clean-up's deadline has passed, on database time; the first call of an episode sets it."""
        expired = await self._pool.fetchval(SQL["cleanup_expired"], todo.tenant, todo.contract_id, episode, timeout_seconds)
        return expired is True

    async def cleaned_up(self, todo: Todo) -> None:
        await self._pool.execute(SQL["cleaned_up"], todo.tenant, todo.contract_id)

    async def daemons_of(self, tenant: str, contract_id: str) -> tuple[str, ...]:
        rows = await self._pool.fetch(SQL["daemons_of"], tenant, contract_id)
        return tuple(row["daemon_id"] for row in rows)
