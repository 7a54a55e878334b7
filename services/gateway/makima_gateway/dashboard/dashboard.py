"""The dashboard's response, with the names of plan 5.4: camelCase, unlike the rest of the API."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from makima_schemas.contract.model import TERMINAL_STATUSES, ContractStatus, WaitingFor

from makima_gateway.dashboard.queries import DashboardRows, StaleOne
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeats
from makima_gateway.read_model.legacy_status import shown_change, shown_status

# Left out of the counts of phases and tasks: nobody works in the phase of such a contract or takes its tasks.


@dataclass(frozen=True, slots=True)
class StaleContract:
    id: str
    name: str
    lastActivity: datetime  # noqa: N815 - the plan's name
    staleDurationSecs: int  # noqa: N815


@dataclass(frozen=True, slots=True)
class WaitingContract:
    """A contract that waits for a person."""

    id: str
    name: str
    waitingFor: WaitingFor  # noqa: N815
    # the oldest open question; null: the change to the next phase waits for confirmation
    question: str | None


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    activeSupervisors: int  # noqa: N815
    runningTasks: int  # noqa: N815
    pendingTasks: int  # noqa: N815
    activeDaemons: int  # noqa: N815
    totalWorktrees: int  # noqa: N815


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`phaseCounts` counts the contracts that have not ended by phase.

    The lists hold 100 contracts: the newest stale ones, and those that wait longest for a person. A count of 0 is left out.
    """

    statusCounts: dict[str, int]  # noqa: N815
    phaseCounts: dict[str, int]  # noqa: N815
    staleContracts: list[StaleContract]  # noqa: N815
    waitingForInput: list[WaitingContract]  # noqa: N815
    recentEvents: list[dict[str, object]]  # noqa: N815
    resourceUsage: ResourceUsage  # noqa: N815
    agentCounts: dict[str, int]  # noqa: N815 - by status, supervisors included; without agents that were cleaned up
    stuckAgents: int  # noqa: N815 - of these, those that are alive without progress


def dashboard(found: DashboardRows, feed: LatestHeartbeats, now: datetime, *, enhanced: bool) -> Dashboard:
    """The response from the queried rows; the number of worktrees comes from the daemons' latest heartbeats.

    `enhanced` is the feature flag `enhanced_contract_status`; off: the legacy statuses are shown.
    """
    open_ones = [tally for tally in found.tallies if tally.status not in TERMINAL_STATUSES]
    return Dashboard(
        statusCounts=_sums(
            (shown_status(ContractStatus(tally.status), enhanced=enhanced).value, tally.contracts)
            for tally in found.tallies
        ),
        phaseCounts=_sums((tally.phase, tally.contracts) for tally in open_ones),
        staleContracts=[_stale(one, now) for one in found.stale],
        waitingForInput=[
            WaitingContract(one.id, one.name, one.waiting_for, one.question) for one in found.waiting
        ],
        recentEvents=[
            shown for message in found.events if (shown := shown_change(message, enhanced=enhanced))
        ],
        resourceUsage=ResourceUsage(
            activeSupervisors=sum(tally.supervised for tally in found.tallies),
            runningTasks=sum(tally.tasks_running for tally in open_ones),
            pendingTasks=sum(tally.tasks_pending for tally in open_ones),
            activeDaemons=len(found.daemons),
            totalWorktrees=sum(_worktrees(feed, daemon) for daemon in found.daemons),
        ),
        agentCounts=_sums((tally.status, tally.agents) for tally in found.agents),
        stuckAgents=sum(tally.stuck for tally in found.agents),
    )


def _sums(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Add up the counts of each name."""
    sums: Counter[str] = Counter()
    for name, count in counts:
        sums[name] += count
    return dict(sums)


def _stale(one: StaleOne, now: datetime) -> StaleContract:
    return StaleContract(
        one.id, one.name, one.last_activity_at, max(0, int((now - one.last_activity_at).total_seconds()))
    )


def _worktrees(feed: LatestHeartbeats, daemon_id: str) -> int:
    """Number of worktrees in the daemon's latest heartbeat; 0 if none came since this process began."""
    latest = feed.latest("daemon", daemon_id)
    return 0 if latest is None else cast("int", latest.heartbeat.get("worktrees", 0))
