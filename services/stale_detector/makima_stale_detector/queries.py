"""Queries of the detector on its own read model."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast
from uuid import UUID

import asyncpg
from makima_kernel.event_log.named_sql import named
from makima_schemas.agent import AgentStatus
from makima_schemas.codec import Event, UndecodableError, UnknownEventError, adapter, decode
from makima_schemas.contract.model import TERMINAL_STATUSES
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.silence import SilenceDetected
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_stale_detector.domain.audit import SenderView
from makima_stale_detector.domain.members.registry import MAX_DEAD_SENDERS
from makima_stale_detector.domain.members.sender import EVENTS, Sender, from_row
from makima_stale_detector.domain.verdicts.mass_silence import Hold

SQL: Final = named(Path(__file__).with_suffix(".sql"))
# A hundred years. The API takes at most ten; logs of before it had a bound may hold anything.
LONGEST_THRESHOLD_SECONDS: Final = 3_155_760_000.0
LIVING_ROWS: Final = 2000  # that one call of `living` looks at
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DetectorSnapshot:
    """The state that a detector starts from: the read model at one log position."""

    position: int  # the log is folded up to here; follow it from the next event on
    senders: list[
        Sender
    ]  # all that are alive or being restarted, and the MAX_DEAD_SENDERS last ones that ended
    owners: dict[str, str]  # owner id by contract id
    holds: dict[str, Hold]  # by owner id


@dataclass(frozen=True, slots=True)
class PendingSilence:
    """A row of the outbox table `owed`: a `SilenceDetected` that is to be appended to the log."""

    # Derived from the id of the event that accepted the verdict: any replica appends it only once.
    command_id: UUID
    tenant: str
    event: SilenceDetected
    traceparent: str | None  # trace context of that event


@dataclass(frozen=True, slots=True)
class StaleCandidate:
    """A contract whose stale timer has run out, and for which no episode is recorded yet."""

    tenant: str
    contract_id: str
    version: int  # of the contract's stream; guard of `StaleDetected`
    last_activity_at: datetime
    counts_position: int  # position of the event that started the timer; identifies the episode
    threshold_seconds: float
    stale_seconds: float  # since the last activity


@dataclass(frozen=True, slots=True)
class Unjudgeable:
    """A contract whose staleness cannot be judged, because of its threshold."""

    contract_id: str
    stale_after_seconds: float


@dataclass(frozen=True, slots=True)
class DeadAgent:
    """An agent that is to be cleaned up."""

    name: str  # as of a sender: `agent:<contract_id>:<role>`
    version: int  # of its stream at the event since which it is dead
    since: datetime


@dataclass(frozen=True, slots=True)
class EndedEpisode:
    """A recorded stale episode that has ended and is not cleared yet."""

    tenant: str
    contract_id: str
    episode: int  # log position of its `StaleDetected`


@dataclass(frozen=True, slots=True)
class Stale:
    """A contract with an open stale episode."""

    tenant: str
    contract_id: str
    last_activity_at: datetime
    stale_seconds: float  # since the last activity


@dataclass(frozen=True, slots=True)
class AwayAgent:
    """An agent that is dead or offline while its role holds tasks."""

    tenant: str
    contract_id: str
    role: str
    status: str
    version: int  # of its stream
    away_version: int  # at which it became dead or offline


@dataclass(frozen=True, slots=True)
class WaitingRole:
    """A role without a present agent for which tasks wait, and for which nobody was asked twice since the oldest does.
    The oldest of them identifies it.
    """

    tenant: str
    contract_id: str
    role: str
    task_id: str  # of the oldest
    since_position: int  # of the event since which the oldest is pending
    newest_position: int = field(compare=False)  # the same of the newest
    asked_at_once: bool = field(compare=False)  # the contract's daemon was asked since the newest waits


@dataclass(frozen=True, slots=True)
class Audited:
    """A sender in the log and in our read model, at one moment."""

    head: int  # position of its newest event in the log; 0: it has none
    event: Event | None  # that event; None: it has none, or it cannot be read
    row: SenderView | None  # what our read model says of it; None: it does not know the sender
    owner: str | None  # of its contract, by our read model; None: it has no contract, or there is no such one


class Queries:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def snapshot(self) -> DetectorSnapshot:
        """Read everything in one database snapshot, so that following the log from `position` neither misses
        nor repeats events.
        """
        async with (
            self._pool.acquire() as acquired,
            acquired.transaction(isolation="repeatable_read", readonly=True),
        ):
            connection = cast("asyncpg.Connection", acquired)
            position = cast("int", await connection.fetchval(SQL["position"]))
            senders = [from_row(row) for row in await connection.fetch(SQL["senders"], MAX_DEAD_SENDERS)]
            owners = await connection.fetch(SQL["owners"], DEFAULT_TENANT)
            holds = await connection.fetch(SQL["holds"])
        return DetectorSnapshot(
            position,
            senders,
            {row["contract_id"]: row["owner_id"] for row in owners},
            {row["owner_id"]: Hold(row["version"], row["held"], row["expired"]) for row in holds},
        )

    async def pending(self, limit: int) -> list[PendingSilence]:
        """The oldest rows of the outbox."""
        rows = await self._pool.fetch(SQL["pending"], limit)
        read = adapter(SilenceDetected).validate_json
        return [
            PendingSilence(row["command_id"], row["tenant"], read(row["event"]), row["traceparent"])
            for row in rows
        ]

    async def mark_recorded(self, command_ids: Sequence[UUID]) -> None:
        """Delete outbox rows whose events are in the log."""
        await self._pool.execute(SQL["mark_recorded"], command_ids)

    async def now(self) -> datetime:
        """The database's clock, on which deadlines of contracts are compared."""
        return cast("datetime", await self._pool.fetchval(SQL["now"]))

    async def stale_candidates(self, default_threshold_seconds: float, limit: int) -> list[StaleCandidate]:
        return [
            StaleCandidate(**row)
            for row in await self._pool.fetch(
                SQL["due"], default_threshold_seconds, limit, LONGEST_THRESHOLD_SECONDS
            )
        ]

    async def agents_to_clean_up(
        self, grace_seconds: float, after: DeadAgent | None, limit: int
    ) -> list[DeadAgent]:
        """Agents that have been dead for so many seconds, or whose contract has ended or is deleted, longest dead
        first; those that follow `after`.
        """
        since, name = (_LONG_AGO, "") if after is None else (after.since, after.name)
        ended = list(TERMINAL_STATUSES)
        rows = await self._pool.fetch(
            SQL["agents_to_clean_up"], grace_seconds, since, name, limit, ended, DEFAULT_TENANT
        )
        return [DeadAgent(**row) for row in rows]

    async def unjudgeable(self, limit: int) -> list[Unjudgeable]:
        rows = await self._pool.fetch(SQL["unjudgeable"], LONGEST_THRESHOLD_SECONDS, limit)
        return [Unjudgeable(**row) for row in rows]

    async def ended_episodes(self, limit: int) -> list[EndedEpisode]:
        return [EndedEpisode(**row) for row in await self._pool.fetch(SQL["over"], limit)]

    async def stale(self, limit: int) -> list[Stale]:
        return [Stale(**row) for row in await self._pool.fetch(SQL["stale"], limit)]

    async def away_agents(self, limit: int) -> list[AwayAgent]:
        """Up to `limit` agents that are away while their role holds tasks."""
        return [AwayAgent(**row) for row in await self._pool.fetch(SQL["away_agents"], limit)]

    async def waiting_roles(self, limit: int) -> list[WaitingRole]:
        """Up to `limit` roles without a present agent for which tasks wait, one of each contract before the second. Not that
        of the supervisor, which is placed and restored, and never started as a role.
        """
        rows = await self._pool.fetch(SQL["waiting_roles"], limit, SUPERVISOR_ROLE)
        return [WaitingRole(**row) for row in rows]

    async def mark_asked_at_once(self, role: WaitingRole) -> None:
        """Note that the contract's daemon was asked for the role for the first time."""
        await self._mark("mark_asked_at_once", role)

    async def mark_requested(self, role: WaitingRole) -> None:
        """Note that the contract's daemon was asked for the role for the second time."""
        await self._mark("mark_requested", role)

    async def _mark(self, statement: str, role: WaitingRole) -> None:
        await self._pool.execute(
            SQL[statement], role.tenant, role.contract_id, role.role, role.newest_position
        )

    async def audited(self, streams: Mapping[str, str]) -> tuple[int, dict[str, Audited]]:
        """The senders, given by name with their streams, and the position up to which our read model is folded."""
        types = [each.__name__ for each in EVENTS]
        rows = await self._pool.fetch(
            SQL["audited"], DEFAULT_TENANT, list(streams), list(streams.values()), types
        )
        return rows[0]["position"] if rows else 0, {row["name"]: _audited(row) for row in rows}

    async def living(self, after: str) -> tuple[list[str], str | None]:
        """The senders that are alive or being restarted of the next rows after the name `after`; and the `after` of
        the next call, None for the last rows.
        """
        row = await self._pool.fetchrow(SQL["living"], after, LIVING_ROWS)
        assert row is not None
        return row["names"], row["last"] if row["read"] == LIVING_ROWS else None


def _audited(row: asyncpg.Record) -> Audited:
    status = None if row["status"] is None else AgentStatus(row["status"])
    daemon_id = None if row["name"].startswith("daemon:") else row["daemon_id"]
    view = None if row["alive"] is None else SenderView(row["alive"], row["connection_id"], daemon_id, status)
    event = None
    if row["type"] is not None:
        with suppress(UndecodableError, UnknownEventError):
            event = decode(row["type"], row["schema"], row["data"])
    return Audited(row["head"] or 0, event, view, row["owner_id"])
