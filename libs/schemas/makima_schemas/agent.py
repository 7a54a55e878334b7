"""The agent: its statuses and events. Stream: `agent-<contract_id>:<role>`."""

from dataclasses import dataclass
from enum import StrEnum

from makima_schemas.evidence import Evidence


class AgentStatus(StrEnum):
    """The statuses of an agent."""

    OFFLINE = "offline"
    DEAD = "dead"
    DEAD_FAILED_REVIVE = "dead_failed_revive"
    READY = "ready"
    WORKING = "working"
    RESTARTING = "restarting"


@dataclass(frozen=True, slots=True)
class AgentJoined:
    contract_id: str
    role: str
    connection_id: str
    daemon_id: str | None


@dataclass(frozen=True, slots=True)
class AgentStatusChanged:
    contract_id: str
    role: str
    old_status: AgentStatus
    new_status: AgentStatus
    trigger: str
    connection_id: str | None = None
    reason: str | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class AgentLeft:
    contract_id: str
    role: str
    connection_id: str | None


AgentEvent = AgentJoined | AgentStatusChanged | AgentLeft
