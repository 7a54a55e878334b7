"""What is owed to contracts on behalf of their supervisors, and striking it off."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.event_log.named_sql import named

SQL: Final = named(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class PendingStart:
    """A contract that is not started yet although its supervisor lives, since the event at `supervised_at`."""

    tenant: str
    contract_id: str
    supervised_at: int
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class UnregisteredTask:
    """A supervisor whose task its contract is to be told, since the event at `owed_at`."""

    tenant: str
    contract_id: str
    task_id: str
    owed_at: int
    traceparent: str | None


class Queries:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def runs(self, tenant: str, contract_id: str, daemon_id: str) -> bool:
        """Whether the supervisor that drives the contract is this daemon's."""
        return bool(await self._pool.fetchval(SQL["runs"], tenant, contract_id, daemon_id))

    async def pending_starts(self, limit: int) -> list[PendingStart]:
        return [PendingStart(**row) for row in await self._pool.fetch(SQL["owed"], limit)]

    async def mark_started(self, owed: PendingStart) -> None:
        await self._pool.execute(SQL["asked"], owed.tenant, owed.contract_id, owed.supervised_at)

    async def unregistered(self, limit: int) -> list[UnregisteredTask]:
        return [UnregisteredTask(**row) for row in await self._pool.fetch(SQL["unregistered"], limit)]

    async def mark_registered(self, supervisor: UnregisteredTask) -> None:
        await self._pool.execute(SQL["told"], supervisor.tenant, supervisor.contract_id, supervisor.task_id, supervisor.owed_at)
