"""An agent in each status, and each command once: what the tests of its rules start from."""

from datetime import UTC, datetime, timedelta
from typing import Final

from makima_kernel.testing import scenario
from makima_schemas.agent import (
    AgentEvent,
    AgentJoined,
    AgentLeft,
    AgentStatus,
    AgentStatusChanged,
    CleanUpAgent,
    FollowTasks,
    LeaveAgent,
    Restarts,
)
from makima_schemas.evidence import Arrival, Evidence
from makima_supervisor_heartbeat.domain.agents import triggers as t
from makima_supervisor_heartbeat.domain.agents.agent import AgentDecider

S = AgentStatus
NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
DECIDER: Final = AgentDecider()
given = scenario(DECIDER)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def join(
    connection_id: str = "a",
    *,
    seconds: float = 0,
    daemon_id: str | None = None,
    holds_tasks: bool = False,
    joined_before: bool = False,
) -> t.Join:
    return t.Join("c1", "builder", connection_id, daemon_id, at(seconds), holds_tasks, joined_before)


def report(
    status: AgentStatus,
    connection_id: str | None = None,
    *,
    joins: t.Join | None = None,
    attempts: int | None = None,
) -> t.Report:
    restarts = None if attempts is None else Restarts(attempts, 3, 0.5)
    return t.Report("c1", "builder", status, connection_id, "as seen", restarts, joins)


def evidence(watermark: float, sequence: int = 0, timeout: float = 90.0) -> Evidence:
    heard = at(sequence) if sequence else None
    return Evidence(heard, timeout, at(watermark), at(watermark), 0.0, "test", sequence, "e1")


def silence(
    connection_id: str = "a", watermark: float = 100, sequence: int = 0, newest: Arrival | None = None
) -> t.JudgeAgentSilence:
    return t.JudgeAgentSilence(connection_id, evidence(watermark, sequence), newest)


def joined(
    connection_id: str = "a", old: AgentStatus = S.OFFLINE, new: AgentStatus = S.READY, *, seconds: float = 0
) -> AgentJoined:
    return AgentJoined("c1", "builder", connection_id, None, old, new, at(seconds))


def changed(old: AgentStatus, new: AgentStatus, trigger: str) -> AgentStatusChanged:
    return AgentStatusChanged("c1", "builder", old, new, trigger, "a")


JOINED: Final = joined()
DIED: Final = changed(S.READY, S.DEAD, "heartbeat_expired")
RESTARTS: Final = changed(S.READY, S.RESTARTING, "restart_initiated")

# How an agent came into each status; its connection in force is `a`.
STORIES: Final[dict[AgentStatus | None, tuple[AgentEvent, ...]]] = {
    None: (),
    S.READY: (JOINED,),
    S.WORKING: (JOINED, changed(S.READY, S.WORKING, "task_taken")),
    S.DEAD: (JOINED, DIED),
    S.RESTARTING: (JOINED, RESTARTS),
    S.DEAD_FAILED_REVIVE: (
        JOINED,
        RESTARTS,
        changed(S.RESTARTING, S.DEAD_FAILED_REVIVE, "restart_exhausted"),
    ),
    S.OFFLINE: (JOINED, AgentLeft("c1", "builder", "a", S.READY)),
}

# Each command, by what agents.md calls it.
ASKS: Final[dict[str, t.Command]] = {
    "join": join("a", seconds=200),
    "join anew": join("b", seconds=200),
    "join, holding tasks": join("a", seconds=200, holds_tasks=True),
    "leave": LeaveAgent("a"),
    "restart": t.OrderAgentRestart("stuck", "d1", daemon_connected=True),
    "task taken": FollowTasks(holds_tasks=True),
    "tasks done": FollowTasks(holds_tasks=False),
    "silent": silence(watermark=100),
    "restart expired": t.JudgeRestart(2, evidence(100)),
    "clean up": CleanUpAgent(),
    **{f"report {status}": report(status) for status in S},
}
