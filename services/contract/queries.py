"""The starts that are owed, and striking one off."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.log.sql import named

SQL: Final = named(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class Owed:
    """A contract whose supervisor was heard at position `supervised_at` and that is not started yet."""

    tenant: str
    contract_id: str
    supervised_at: int
    traceparent: str | None


class Queries:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def owed(self, limit: int) -> list[Owed]:
        return [Owed(**row) for row in await self._pool.fetch(SQL["owed"], limit)]

    async def asked(self, owed: Owed) -> None:
        await self._pool.execute(SQL["asked"], owed.tenant, owed.contract_id, owed.supervised_at)
