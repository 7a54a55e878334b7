"""What the detector asks its own tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, cast
from uuid import UUID

import asyncpg
from makima_kernel.event_log.named_sql import named
from makima_schemas.codec import adapter
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.silence import SilenceDetected

from makima_stale_detector.domain.members.registry import MAX_DEAD_SENDERS
from makima_stale_detector.domain.members.sender import Tracked, from_row
from makima_stale_detector.domain.verdicts.mass_silence import Hold

SQL: Final = named(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class DetectorSnapshot:
    """What a detector begins with: the log as folded up to `position`. `senders` may be alive or not."""

    position: int
    senders: list[Tracked]
    owners: dict[str, str]
    holds: dict[str, Hold]


@dataclass(frozen=True, slots=True)
class PendingSilence:
    """An accepted verdict that is to be told under `command_id`."""

    command_id: UUID
    tenant: str
    event: SilenceDetected
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class StaleCandidate:
    """A contract that has become stale; `counts_position` names the episode, `version` is the contract's stream."""

    tenant: str
    contract_id: str
    version: int
    last_activity_at: datetime
    counts_position: int
    threshold_seconds: float
    stale_seconds: float


@dataclass(frozen=True, slots=True)
class EndedEpisode:
    tenant: str
    contract_id: str
    episode: int


@dataclass(frozen=True, slots=True)
class Stale:
    tenant: str
    contract_id: str
    last_activity_at: datetime
    stale_seconds: float


class Queries:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def snapshot(self) -> DetectorSnapshot:
        """Everything in one snapshot, so that following the log from `position` on misses nothing and repeats nothing."""
        async with self._pool.acquire() as acquired, acquired.transaction(isolation="repeatable_read", readonly=True):
            connection = cast("asyncpg.Connection", acquired)
            position = cast("int", await connection.fetchval(SQL["position"]))
            senders = [
                Tracked(from_row(row), row["owner_id"]) for row in await connection.fetch(SQL["senders"], DEFAULT_TENANT, MAX_DEAD_SENDERS)
            ]
            owners = await connection.fetch(SQL["owners"], DEFAULT_TENANT)
            holds = await connection.fetch(SQL["holds"])
        return DetectorSnapshot(
            position,
            senders,
            {row["contract_id"]: row["owner_id"] for row in owners},
            {row["owner_id"]: Hold(row["version"], row["held"], row["expired"]) for row in holds},
        )

    async def pending(self, limit: int) -> list[PendingSilence]:
        rows = await self._pool.fetch(SQL["owed"], limit)
        read = adapter(SilenceDetected).validate_json
        return [PendingSilence(row["command_id"], row["tenant"], read(row["event"]), row["traceparent"]) for row in rows]

    async def mark_recorded(self, command_ids: Sequence[UUID]) -> None:
        await self._pool.execute(SQL["told"], command_ids)

    async def now(self) -> datetime:
        return cast("datetime", await self._pool.fetchval(SQL["now"]))

    async def stale_candidates(self, default_threshold_seconds: float, limit: int) -> list[StaleCandidate]:
        return [StaleCandidate(**row) for row in await self._pool.fetch(SQL["due"], default_threshold_seconds, limit)]

    async def ended_episodes(self, limit: int) -> list[EndedEpisode]:
        return [EndedEpisode(**row) for row in await self._pool.fetch(SQL["over"], limit)]

    async def stale(self, limit: int) -> list[Stale]:
        return [Stale(**row) for row in await self._pool.fetch(SQL["stale"], limit)]

    async def count_stale(self) -> int:
        return cast("int", await self._pool.fetchval(SQL["count_stale"]))
