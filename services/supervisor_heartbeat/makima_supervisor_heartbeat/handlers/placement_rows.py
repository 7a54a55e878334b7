"""The tables `drives` and `placements`: which contracts are wanted, and which replica places them."""

from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.event_log.named_sql import named
from makima_schemas.assignment import Admission
from makima_schemas.codec import adapter
from makima_schemas.identity import DEFAULT_TENANT

from makima_supervisor_heartbeat.domain.placement import Candidate, Wanted

SQL: Final = named(Path(__file__).with_suffix(".sql"))
_ADMISSION: Final = adapter(Admission)


class PlacementRows:
    """`owner` is this replica: what one holds, no other touches until the time is over."""

    def __init__(self, pool: asyncpg.Pool, owner: str) -> None:
        self._pool, self._owner = pool, owner

    async def daemons(self) -> list[Candidate]:
        """Those that are connected."""
        return [
            Candidate(
                row["daemon_id"],
                None if row["admission"] in (None, "null") else _ADMISSION.validate_json(row["admission"]),
                row["free"],
            )
            for row in await self._pool.fetch(SQL["daemons"], DEFAULT_TENANT)
        ]

    async def claim(self, seconds: float, limit: int) -> list[Wanted]:
        """Up to `limit` contracts that this replica is to place within `seconds`."""
        rows = await self._pool.fetch(SQL["claim"], DEFAULT_TENANT, self._owner, seconds, limit)
        return [Wanted(**row) for row in rows]

    async def unserved(self, limit: int) -> list[tuple[str, int, str]]:
        """Contracts that wait for a daemon that serves their owner, by id, with the position since when and the owner."""
        rows = await self._pool.fetch(SQL["unserved"], DEFAULT_TENANT, limit)
        return [(row["contract_id"], row["wanted_at"], row["owner_id"]) for row in rows]

    async def asking(self, wanted: Wanted, daemon_id: str, seconds: float) -> bool:
        """Before the daemon is asked. False: it took too long, and another replica has it now."""
        found = await self._pool.fetchval(
            SQL["asking"], wanted.tenant, wanted.contract_id, self._owner, daemon_id, seconds
        )
        return found is not None

    async def accepted(self, wanted: Wanted, daemon_id: str, seconds: float) -> None:
        """Its supervisor has `seconds` to be heard; then it is asked for again."""
        await self._pool.execute(
            SQL["accepted"], wanted.tenant, wanted.contract_id, self._owner, daemon_id, seconds
        )

    async def refused(self, wanted: Wanted) -> None:
        await self._pool.execute(SQL["refused"], wanted.tenant, wanted.contract_id, self._owner)

    async def release(self, wanted: Wanted) -> None:
        """Any replica may go on with it."""
        await self._pool.execute(SQL["release"], wanted.tenant, wanted.contract_id, self._owner)

    async def forget(self) -> None:
        """Delete what is not wanted any more."""
        await self._pool.execute(SQL["forget"])
