"""The table of an agent's statuses (agents.md, Agent status): what leads where, what records it, what is refused."""

from typing import Final

from makima_kernel.commands.lifecycle import Lifecycle, Recorded, Row
from makima_schemas.agent import (
    AgentJoined,
    AgentLeft,
    AgentStatus,
    AgentStatusChanged,
    AgentTrigger,
    CleanUpAgent,
    LeaveAgent,
)
from makima_schemas.refusal import Refused

from makima_supervisor_heartbeat.domain.agents import triggers as t

OFFLINE, DEAD, DEAD_FAILED_REVIVE = AgentStatus.OFFLINE, AgentStatus.DEAD, AgentStatus.DEAD_FAILED_REVIVE
READY, WORKING, RESTARTING = AgentStatus.READY, AgentStatus.WORKING, AgentStatus.RESTARTING


def _to(*statuses: AgentStatus) -> Recorded[AgentStatus]:
    return Recorded(statuses, by="new_status")


# None: there is no record. A daemon's report makes a minimal one.
LIFECYCLE: Final = Lifecycle[AgentStatus](
    # while                     on                                  records             then
    Row((None, *AgentStatus),   t.Join,                             AgentJoined,        _to(READY, WORKING)),
    Row((READY,),               (t.TakeTask, t.ReportWorking),      AgentStatusChanged, _to(WORKING)),
    Row((WORKING,),             (t.FinishTasks, t.ReportReady),     AgentStatusChanged, _to(READY)),
    Row((READY, WORKING),       (t.JudgeAgentSilence, t.ReportDead), AgentStatusChanged, _to(DEAD)),
    Row((RESTARTING,),          (t.JudgeRestart, t.ReportDead),     AgentStatusChanged, _to(DEAD)),
    Row((None,),                t.ReportDead,                       AgentStatusChanged, _to(DEAD)),
    Row((READY, WORKING, RESTARTING, DEAD, DEAD_FAILED_REVIVE), LeaveAgent, AgentLeft,  OFFLINE),
    Row((READY, WORKING, OFFLINE, DEAD, DEAD_FAILED_REVIVE), (t.OrderAgentRestart, t.ReportRestarting), AgentStatusChanged, _to(RESTARTING)),
    # After a crash before it joined: another attempt. Its deadline is that of the first one.
    Row((None, RESTARTING),     t.ReportRestarting,                 AgentStatusChanged, _to(RESTARTING)),
    Row((None, RESTARTING),     t.ReportExhausted,                  AgentStatusChanged, _to(DEAD_FAILED_REVIVE)),
    Row((DEAD, DEAD_FAILED_REVIVE), CleanUpAgent,                   AgentStatusChanged, _to(OFFLINE)),
)  # fmt: skip

# The log, the detector and the clean-up may be late: where the table has no row for what they found, it is
# accepted without an event.
FOUND: Final = frozenset({t.TakeTask, t.FinishTasks, t.JudgeAgentSilence, t.JudgeRestart, CleanUpAgent})

# Which report says that the agent has a status; the status that it has already changes nothing.
REPORTS: Final = {
    WORKING: t.ReportWorking,
    READY: t.ReportReady,
    DEAD: t.ReportDead,
    RESTARTING: t.ReportRestarting,
    DEAD_FAILED_REVIVE: t.ReportExhausted,
    OFFLINE: LeaveAgent,
}

_TRIGGERS: Final[dict[type, AgentTrigger]] = {
    t.TakeTask: "task_taken",
    t.FinishTasks: "tasks_done",
    t.ReportWorking: "reported",
    t.ReportReady: "reported",
    t.JudgeAgentSilence: "heartbeat_expired",
    t.JudgeRestart: "restart_expired",
    t.OrderAgentRestart: "restart_initiated",
    t.ReportRestarting: "restart_initiated",
    t.ReportExhausted: "restart_exhausted",
    CleanUpAgent: "cleanup",
}


def trigger_of(status: AgentStatus | None, command: type) -> AgentTrigger:
    """The `trigger` of the event that a command records in this status."""
    if command is t.ReportDead:
        return "restart_expired" if status is RESTARTING else "heartbeat_expired"
    return _TRIGGERS[command]


def transition_refusal(status: AgentStatus, command: type) -> Refused:
    """The `INVALID_TRANSITION` for a command that the table does not allow in `status`."""
    hint = "join first" if command in {t.ReportWorking, t.ReportReady} else None
    return LIFECYCLE.refusal(
        status, command, f"an agent that is {status} cannot become {_aim(command)}", hint=hint
    )


def _aim(command: type) -> str:
    row = next(row for row in LIFECYCLE.rows if command in row.commands)
    return str(row.destinations[0])
