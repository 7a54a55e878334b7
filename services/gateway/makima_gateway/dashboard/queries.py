"""The dashboard's queries: maintained counts (`tallies`), the newest contracts to look at, and events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.event_log.named_sql import named
from makima_schemas.contract.model import WaitingFor

SQL: Final = named(Path(__file__).with_suffix(".sql"))
MAX_LISTED_CONTRACTS: Final = 100  # contracts in each list
RECENT_EVENTS: Final = 20  # events listed


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over the contracts of one status and phase."""

    status: str
    phase: str
    contracts: int
    supervised: int  # contracts whose supervisor is alive
    tasks_running: int
    tasks_pending: int


@dataclass(frozen=True, slots=True)
class AgentTally:
    """Counts over the agents of one status."""

    status: str
    agents: int
    stuck: int  # alive without progress


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
    question: str | None  # the oldest open question


@dataclass(frozen=True, slots=True)
class DashboardRows:
    """The rows from which the dashboard is made: the newest stale contracts first, and what waits longest."""

    tallies: Sequence[Tally]
    agents: Sequence[AgentTally]
    stale: Sequence[StaleOne]
    waiting: Sequence[WaitingOne]
    events: Sequence[str]  # JSON messages of the monitor, newest first
    daemons: Sequence[str]  # ids of the connected daemons


class DashboardQueries:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def of(self, tenant: str, owner_id: str | None) -> DashboardRows:
        """The dashboard of one owner's contracts; `owner_id` null: of all. Counts and lists agree."""
        row = await self._pool.fetchrow(
            SQL["dashboard"], tenant, owner_id, MAX_LISTED_CONTRACTS, RECENT_EVENTS
        )
        assert row is not None  # a statement without FROM has one row
        return DashboardRows(
            [Tally(*tally) for tally in row["tallies"]],
            [AgentTally(*tally) for tally in row["agents"]],
            [StaleOne(*one) for one in row["stale"]],
            [WaitingOne(*one) for one in row["waiting"]],
            row["events"],
            row["daemons"],
        )
