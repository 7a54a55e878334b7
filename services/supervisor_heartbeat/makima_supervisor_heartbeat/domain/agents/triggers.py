"""What may change an agent, with the facts that its decider needs: each is one `on` of the table of statuses."""

from dataclasses import dataclass
from datetime import datetime

from makima_schemas.agent import (
    AgentStatus,
    CleanUpAgent,
    FollowTasks,
    JoinAgent,
    LeaveAgent,
    ReportAgentStatus,
    RestartAgent,
    Restarts,
)
from makima_schemas.evidence import Arrival, Evidence

from makima_supervisor_heartbeat.domain.stuck import ObserveProgress, ObserveStuck


@dataclass(frozen=True, slots=True)
class Join:
    """`JoinAgent`, with what the agent's stream does not tell."""

    contract_id: str
    role: str
    connection_id: str
    daemon_id: str | None
    at: datetime  # when it is accepted, by the clock of this service
    holds_tasks: bool  # its role holds claimed or running tasks
    joined_before: bool  # this connection was in force once, however long ago


@dataclass(frozen=True, slots=True)
class Report:
    """`ReportAgentStatus` of an agent; the decider finds out what it asks for."""

    contract_id: str
    role: str
    agent_status: AgentStatus
    connection_id: str | None
    reason: str | None
    restarts: Restarts | None = None
    join: Join | None = None  # what `ready` stands for, if the connection is not in force


@dataclass(frozen=True, slots=True)
class ReportWorking:
    """The agent says that it works."""


@dataclass(frozen=True, slots=True)
class ReportReady:
    """The agent says that it waits for work."""


@dataclass(frozen=True, slots=True)
class ReportDead:
    """Its daemon saw that it died."""


@dataclass(frozen=True, slots=True)
class ReportRestarting:
    """Its daemon restarts it."""


@dataclass(frozen=True, slots=True)
class ReportExhausted:
    """Its daemon gave up restarting it."""


@dataclass(frozen=True, slots=True)
class TakeTask:
    """The log: its role holds a claimed or running task."""


@dataclass(frozen=True, slots=True)
class FinishTasks:
    """The log: its role holds none any more."""


@dataclass(frozen=True, slots=True)
class OrderAgentRestart:
    """`RestartAgent`, with the state of the daemon that is to do it."""

    reason: str | None
    daemon_id: str | None  # None: there is none
    daemon_connected: bool


@dataclass(frozen=True, slots=True)
class JudgeAgentSilence:
    """`DeclareAgentSilent`, with the newest heartbeat recorded of that connection."""

    connection_id: str
    evidence: Evidence
    newest: Arrival | None  # None: no heartbeat of it is recorded


@dataclass(frozen=True, slots=True)
class JudgeRestart:
    """`DeclareRestartExpired`."""

    since_version: int
    evidence: Evidence


Command = (
    Join
    | LeaveAgent
    | Report
    | OrderAgentRestart
    | FollowTasks
    | JudgeAgentSilence
    | JudgeRestart
    | CleanUpAgent
    | ObserveStuck
    | ObserveProgress
)


def is_repeatable(command: Command) -> bool:
    """True for what callers can say without end: joins, and reports. Who says that it leaves is always heard, and
    restarts and verdicts need what was joined, or the time of a restart.
    """
    match command:
        case Join():
            return True
        case Report(agent_status=status):
            return status is not AgentStatus.OFFLINE
        case _:
            return False


def idempotency_content(command: Command) -> object:
    """The part of a command that must be equal when its command id is used again: what was requested, and not what
    was found out for it.
    """
    match command:
        case Join(connection_id=connection_id, daemon_id=daemon_id):
            return JoinAgent(connection_id, daemon_id)
        case Report(agent_status=status, connection_id=connection_id, reason=reason, restarts=restarts):
            return ReportAgentStatus(status, connection_id, reason, restarts)
        case OrderAgentRestart(reason):
            return RestartAgent(reason)
        case JudgeAgentSilence(connection_id):
            return connection_id
        case JudgeRestart(since_version):
            return since_version
        case requested:
            return requested
