"""Reads the detector's tables, and claims, completes and reschedules to-do rows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.event_log.named_sql import named
from makima_schemas.codec import adapter

from makima_completion_detector.domain.snapshot import Snapshot

SQL: Final = named(Path(__file__).with_suffix(".sql"))
SNAPSHOT: Final = adapter(Snapshot)

# Longer than a validator's run and the command after it. If a replica dies, its evaluations are delayed by
# this much.
EVALUATION_LEASE_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Todo:
    """A to-do row: a contract that must be evaluated."""

    tenant: str
    contract_id: str
    position: int  # of the last event that required it; 0: requested by `check_completion`
    traceparent: str | None  # the trace of that event or query

    @property
    def forced(self) -> bool:
        """True if `check_completion` requested the evaluation, not an event."""
        return self.position == 0


class Queries:
    """The statements of `queries.sql`, each on a connection of the pool."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def snapshot(self, tenant: str, contract_id: str) -> Snapshot | None:
        """The contract's snapshot; None if there is no such contract."""
        text = await self._pool.fetchval(SQL["snapshot"], tenant, contract_id)
        return None if text is None else SNAPSHOT.validate_json(text)

    async def claim(self) -> Todo | None:
        """Leases the to-do row that has been due longest and has no lease; None if there is none.

        Without `done` or `reschedule`, any replica may claim it again after `EVALUATION_LEASE_SECONDS`.
        """
        row = await self._pool.fetchrow(SQL["claim"], EVALUATION_LEASE_SECONDS)
        return None if row is None else Todo(**row)

    async def done(self, todo: Todo) -> None:
        """Deletes the row. If an event or query changed it since the claim, only ends its lease."""
        if not await self._pool.fetchval(SQL["done"], todo.tenant, todo.contract_id, todo.position):
            await self._pool.execute(SQL["release"], todo.tenant, todo.contract_id)

    async def reschedule(self, todo: Todo, seconds: float) -> None:
        """Ends the lease and makes the row due after `seconds`, or at once if it changed since the claim."""
        await self._pool.execute(SQL["later"], todo.tenant, todo.contract_id, todo.position, seconds)

    async def enqueue(self, tenant: str, contract_id: str, traceparent: str | None) -> None:
        """Adds a forced to-do row, due now; an existing row becomes a forced one."""
        await self._pool.execute(SQL["owe"], tenant, contract_id, traceparent)

    async def cleanup_expired(self, todo: Todo, episode: int, timeout_seconds: float) -> bool:
        """True if the clean-up's deadline has passed, by the database's clock.

        The first call in an episode sets the deadline to `timeout_seconds` from then.
        """
        expired = await self._pool.fetchval(
            SQL["cleanup_expired"], todo.tenant, todo.contract_id, episode, timeout_seconds
        )
        return expired is True

    async def cleaned_up(self, todo: Todo) -> None:
        """Deletes the deadline."""
        await self._pool.execute(SQL["cleaned_up"], todo.tenant, todo.contract_id)

    async def daemons_of(self, tenant: str, contract_id: str) -> tuple[str, ...]:
        """The ids of all daemons that have run the contract, sorted."""
        rows = await self._pool.fetch(SQL["daemons_of"], tenant, contract_id)
        return tuple(row["daemon_id"] for row in rows)
