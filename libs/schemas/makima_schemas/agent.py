"""The agent: its statuses, commands and events. Stream: `agent-<contract_id>:<role>`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from makima_schemas.evidence import Evidence, VerdictEvidence
from makima_schemas.identity import ID_PATTERN

Id = Annotated[str, Field(pattern=ID_PATTERN)]
Reason = Annotated[str, Field(max_length=2000)]
MAX_RESTARTS: Final = 1000
MAX_RESTART_DELAY_SECONDS: Final = 86_400.0


class AgentStatus(StrEnum):
    """The statuses of an agent."""

    OFFLINE = "offline"
    DEAD = "dead"
    DEAD_FAILED_REVIVE = "dead_failed_revive"
    READY = "ready"
    WORKING = "working"
    RESTARTING = "restarting"


# The statuses in which heartbeats are expected, and may run out.
BEATING: Final = frozenset({AgentStatus.READY, AgentStatus.WORKING})
# The statuses in which its role is seen to: a team is ready when each of its roles is.
PRESENT: Final = frozenset({AgentStatus.READY, AgentStatus.WORKING, AgentStatus.RESTARTING})

# Why an agent's status changed (agents.md, Agent status).
AgentTrigger = Literal[
    "task_taken",  # its role holds a claimed or running task
    "tasks_done",  # its role holds none any more
    "heartbeat_expired",
    "restart_initiated",
    "restart_exhausted",
    "restart_expired",
    "cleanup",
    "reported",  # the agent said that it works, or waits; its tasks were not asked
]


@dataclass(frozen=True, slots=True)
class AgentJoined:
    """A connection is in force from here on; every other one of this agent is fenced.

    `new_status` is `working` if the connection in force came back, and its role holds tasks. `joined_at` is the
    clock of the service that accepted the join (null in logs of before): like a heartbeat it proves that the
    agent lives. So the agent's deadline is a full timeout after it, or after its newest heartbeat if that is later.
    """

    contract_id: str
    role: str
    connection_id: str
    daemon_id: str | None
    old_status: AgentStatus = AgentStatus.OFFLINE
    new_status: AgentStatus = AgentStatus.READY
    joined_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Restarts:
    """What a daemon tells with `restarting` after a crash: this is restart number `attempts` in a row, of the `of` that
    it tries before it gives up. It starts the process after `delay_seconds`.
    """

    attempts: Annotated[int, Field(ge=1, le=MAX_RESTARTS)]
    of: Annotated[int, Field(ge=1, le=MAX_RESTARTS)]
    delay_seconds: Annotated[float, Field(ge=0, le=MAX_RESTART_DELAY_SECONDS)] = 0.0


@dataclass(frozen=True, slots=True)
class AgentStatusChanged:
    """`trigger` is one of `AgentTrigger`. `evidence` stands with a verdict of the detector. `restarts` stands with
    `restarting` after a crash; a second crash before a join is another event, from `restarting` to `restarting`.

    `connection_id` is the connection in force; null in a minimal record, which a daemon's report made of an
    agent that never joined.
    """

    contract_id: str
    role: str
    old_status: AgentStatus
    new_status: AgentStatus
    trigger: str
    connection_id: str | None = None
    reason: str | None = None
    evidence: Evidence | None = None
    restarts: Restarts | None = None


@dataclass(frozen=True, slots=True)
class AgentLeft:
    """The agent left on purpose: `offline`. Its connection stays fenced off only by another one that joins."""

    contract_id: str
    role: str
    connection_id: str | None
    old_status: AgentStatus = AgentStatus.READY


@dataclass(frozen=True, slots=True)
class AgentStuck:
    """It works, and beats, and has told no progress since `progress_at`, the arrival of the last heartbeat that told
    some. `activity` is what it says that it does.

    Ended by `AgentProgressed`, by a join, and by any status but `working`.
    """

    contract_id: str
    role: str
    connection_id: str
    progress_at: datetime
    activity: str | None = None


@dataclass(frozen=True, slots=True)
class AgentProgressed:
    """It is not stuck any more: the heartbeat that arrived at `progress_at` told progress."""

    contract_id: str
    role: str
    connection_id: str
    progress_at: datetime


# Each leads to a status.
AgentStep = AgentJoined | AgentStatusChanged | AgentLeft
AgentEvent = AgentJoined | AgentStatusChanged | AgentLeft | AgentStuck | AgentProgressed


def tells_restarts(event: AgentStep) -> bool:
    """True if from this event on its `restarts` counts (null: it has none), and no earlier one: a restart, by its daemon
    after a crash or by a person; and the end of an agent. A join is no end: the count is of restarts in a row.
    """
    match event:
        case AgentStatusChanged(trigger="restart_initiated" | "cleanup") | AgentLeft():
            return True
        case _:
            return False


@dataclass(frozen=True, slots=True)
class JoinAgent:
    """Sent for an agent that starts (a new `connection_id`) or comes back (the one in force). A fenced
    connection gets `SUPERSEDED`.
    """

    connection_id: Id
    daemon_id: Id | None = None


@dataclass(frozen=True, slots=True)
class LeaveAgent:
    """Sent by the agent, or by its daemon (without a connection id: whichever is in force)."""

    connection_id: Id | None = None


@dataclass(frozen=True, slots=True)
class ReportAgentStatus:
    """What a daemon saw of an agent that it runs: `restarting`, `dead_failed_revive`, `dead` or `offline`; or what
    the agent says of itself: `ready` (with the id of a connection that is not in force: it joins) or `working`.
    `restarts` goes with `restarting`.
    """

    agent_status: AgentStatus
    connection_id: Id | None = None
    reason: Reason | None = None
    restarts: Restarts | None = None


@dataclass(frozen=True, slots=True)
class RestartAgent:
    """Requests a restart from the daemon that runs the agent; the daemon must be connected."""

    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class FollowTasks:
    """Sent when the tasks that the agent's role holds, claimed or running, became some or none."""

    holds_tasks: bool


@dataclass(frozen=True, slots=True)
class DeclareAgentSilent:
    """The detector's verdict: no heartbeat of `connection_id` arrived after the one at
    `evidence.stream_sequence`, and no join of it within `evidence.timeout_seconds` before
    `evidence.watermark` (`AgentJoined.joined_at`).
    """

    connection_id: str
    evidence: VerdictEvidence


@dataclass(frozen=True, slots=True)
class DeclareRestartExpired:
    """The detector's verdict: the agent, `restarting` since `since_version` of its stream, did not join within
    its deadline.
    """

    since_version: Annotated[int, Field(ge=0, lt=2**63)]
    evidence: VerdictEvidence


@dataclass(frozen=True, slots=True)
class CleanUpAgent:
    """Sent when the agent has been dead for 24 h, or is dead in a contract that has ended: it becomes `offline`, and lists do not show it any more."""


AgentCommand = (
    JoinAgent
    | LeaveAgent
    | ReportAgentStatus
    | RestartAgent
    | FollowTasks
    | DeclareAgentSilent
    | DeclareRestartExpired
    | CleanUpAgent
)
