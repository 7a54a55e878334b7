"""The agent record of a supervisor: derived from its stream, never stored twice (agents.md, Who is who).

The role `supervisor` never joins: it beats as a supervisor, and one verdict covers both.
"""

from dataclasses import dataclass, replace
from typing import Final

from makima_schemas.agent import AgentStatus
from makima_schemas.evidence import Evidence
from makima_schemas.supervisor import (
    SupervisorEvent,
    SupervisorRegistered,
    SupervisorRestartRequested,
    SupervisorState,
    SupervisorStateChanged,
)

SUPERVISOR_ROLE: Final = "supervisor"

_STATUS: Final = {
    SupervisorState.INTERRUPTED: AgentStatus.DEAD,
    SupervisorState.INITIALIZING: AgentStatus.WORKING,
    SupervisorState.WORKING: AgentStatus.WORKING,
    SupervisorState.COMPLETED: AgentStatus.OFFLINE,
    SupervisorState.FAILED: AgentStatus.OFFLINE,
}


@dataclass(frozen=True, slots=True)
class SupervisorsAgent:
    """A contract's agent in the role `supervisor`, folded from the supervisor's stream."""

    state: SupervisorState | None = None  # None: no heartbeat of it is in the log
    daemon_id: str | None = None
    connection_id: str | None = None
    # A restart was asked for, and no event tells of a heartbeat since. Whoever knows the latest heartbeat,
    # which need not be an event, sets it to False as well.
    restart_requested: bool = False
    evidence: Evidence | None = None  # of the verdict in force

    @property
    def agent_status(self) -> AgentStatus:
        return agent_status(self.state, restart_requested=self.restart_requested)


def agent_status(
    state: SupervisorState | None, *, restart_requested: bool, contract_ended: bool = False
) -> AgentStatus:
    """The agent status of a supervisor in this state (None: never heard); the first row that fits counts:

    never heard → `offline`; `interrupted` → `dead`; a restart asked for, and not yet heard again →
    `restarting`; `initializing`, `working` → `working`; `completed`, `failed` → `offline`; otherwise `ready`.

    Nobody is missed in a contract that has ended: there `interrupted` → `offline`, and no restart is awaited.
    """
    if state is None or (contract_ended and state is SupervisorState.INTERRUPTED):
        return AgentStatus.OFFLINE
    if not contract_ended and restart_requested and state is not SupervisorState.INTERRUPTED:
        return AgentStatus.RESTARTING
    return _STATUS.get(state, AgentStatus.READY)


def evolve(before: SupervisorsAgent, event: SupervisorEvent) -> SupervisorsAgent:
    """The record after an event of the supervisor's stream."""
    match event:
        case SupervisorRegistered():
            return SupervisorsAgent(event.state, event.daemon_id, event.connection_id)
        case SupervisorStateChanged():
            return SupervisorsAgent(
                event.new_state, event.daemon_id, event.connection_id, evidence=event.evidence
            )
        case SupervisorRestartRequested():
            return replace(before, restart_requested=True)
        case _:  # what it saved, and whom its connection was handed out to
            return before
