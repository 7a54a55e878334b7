"""What the dashboard asks the read model: counts that are kept, and the newest few of what somebody should look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, cast

import asyncpg
from makima_kernel.event_log.named_sql import named
from makima_schemas.contract.model import WaitingFor

SQL: Final = named(Path(__file__).with_suffix(".sql"))
MAX_LISTED_CONTRACTS: Final = 100
RECENT_EVENTS: Final = 20


@dataclass(frozen=True, slots=True)
class Tally:
    """Contracts of one status in one phase; `supervised` are those whose supervisor lives."""

    status: str
    phase: str
    contracts: int
    supervised: int
    tasks_running: int
    tasks_pending: int


@dataclass(frozen=True, slots=True)
class StaleOne:
    id: str
    name: str
    last_activity_at: datetime


@dataclass(frozen=True, slots=True)
class WaitingOne:
    id: str
    name: str
    waiting_for: WaitingFor
    question: str | None


@dataclass(frozen=True, slots=True)
class DashboardRows:
    """`events` are messages of the monitor, newest first; `daemons` the ids of the connected ones."""

    tallies: Sequence[Tally]
    stale: Sequence[StaleOne]
    waiting: Sequence[WaitingOne]
    events: Sequence[str]
    daemons: Sequence[str]


class DashboardQueries:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def of(self, tenant: str, owner_id: str | None) -> DashboardRows:
        """Of one owner's contracts, or of all where that is null. One moment: what is counted is what is listed."""
        async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):

            async def rows(name: str, *arguments: object) -> list[tuple[object, ...]]:
                return [tuple(row) for row in await connection.fetch(SQL[name], tenant, owner_id, *arguments)]

            return DashboardRows(
                [Tally(*cast("tuple[str, str, int, int, int, int]", row)) for row in await rows("tallies")],
                [StaleOne(*cast("tuple[str, str, datetime]", row)) for row in await rows("stale", MAX_LISTED_CONTRACTS)],
                [WaitingOne(*cast("tuple[str, str, WaitingFor, str | None]", row)) for row in await rows("waiting", MAX_LISTED_CONTRACTS)],
                [cast("str", row[0]) for row in await rows("newest_monitor_events", RECENT_EVENTS)],
                [cast("str", row[0]) for row in await rows("connected_daemons")],
            )
