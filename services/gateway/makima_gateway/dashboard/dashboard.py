"""The dashboard as plan 5.4 prints it: camelCase, unlike everything else."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from makima_schemas.contract.model import TERMINAL_STATUSES, ContractStatus, WaitingFor

from makima_gateway.dashboard.queries import DashboardRows, StaleOne
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeats
from makima_gateway.read_model.legacy_status import shown_change, shown_status

# What has ended has a phase that nobody works in, and tasks that nobody will take.


@dataclass(frozen=True, slots=True)
class StaleContract:
    id: str
    name: str
    lastActivity: datetime  # noqa: N815 - the plan's name
    staleDurationSecs: int  # noqa: N815


@dataclass(frozen=True, slots=True)
class WaitingContract:
    """`question` is the oldest open one; null where a phase waits to be confirmed."""

    id: str
    name: str
    waitingFor: WaitingFor  # noqa: N815
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
    """`phaseCounts` are the phases of contracts that have not ended; the lists hold the newest 100, and counts of 0 are left out."""

    statusCounts: dict[str, int]  # noqa: N815
    phaseCounts: dict[str, int]  # noqa: N815
    staleContracts: list[StaleContract]  # noqa: N815
    waitingForInput: list[WaitingContract]  # noqa: N815
    recentEvents: list[dict[str, object]]  # noqa: N815
    resourceUsage: ResourceUsage  # noqa: N815


def dashboard(found: DashboardRows, feed: LatestHeartbeats, now: datetime, *, enhanced: bool) -> Dashboard:
    """`enhanced` as in `views`."""
    open_ones = [tally for tally in found.tallies if tally.status not in TERMINAL_STATUSES]
    return Dashboard(
        statusCounts=_sums(
            (shown_status(ContractStatus(tally.status), enhanced=enhanced).value, tally.contracts) for tally in found.tallies
        ),
        phaseCounts=_sums((tally.phase, tally.contracts) for tally in open_ones),
        staleContracts=[_stale(one, now) for one in found.stale],
        waitingForInput=[WaitingContract(one.id, one.name, one.waiting_for, one.question) for one in found.waiting],
        recentEvents=[shown for message in found.events if (shown := shown_change(message, enhanced=enhanced))],
        resourceUsage=ResourceUsage(
            activeSupervisors=sum(tally.supervised for tally in found.tallies),
            runningTasks=sum(tally.tasks_running for tally in open_ones),
            pendingTasks=sum(tally.tasks_pending for tally in open_ones),
            activeDaemons=len(found.daemons),
            totalWorktrees=sum(_worktrees(feed, daemon) for daemon in found.daemons),
        ),
    )


def _sums(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for name, count in counts:
        sums[name] += count
    return dict(sums)


def _stale(one: StaleOne, now: datetime) -> StaleContract:
    return StaleContract(one.id, one.name, one.last_activity_at, max(0, int((now - one.last_activity_at).total_seconds())))


def _worktrees(feed: LatestHeartbeats, daemon_id: str) -> int:
    """As its last heartbeat said; unknown until one was heard since this process began."""
    latest = feed.latest("daemon", daemon_id)
    return 0 if latest is None else cast("int", latest.heartbeat.get("worktrees", 0))
