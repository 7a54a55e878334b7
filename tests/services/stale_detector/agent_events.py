"""Events of the agent `builder` of the contract c1, as the detector reads them from the log."""

from makima_schemas.agent import AgentEvent, AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged
from makima_stale_detector.domain.members.sender import Sender, evolve

from tests.services.stale_detector.recorded import recorded
from tests.services.stale_detector.sender_events import EVIDENCE

NAME = "agent:c1:builder"
STREAM = "agent-c1:builder"


def joined(
    connection: str = "x", *, daemon: str | None = "d1", contract: str = "c1", role: str = "builder"
) -> AgentJoined:
    return AgentJoined(contract, role, connection, daemon)


def changed(to: AgentStatus, trigger: str = "task_taken", connection: str | None = "x") -> AgentStatusChanged:
    evidence = EVIDENCE if trigger == "heartbeat_expired" else None
    return AgentStatusChanged("c1", "builder", AgentStatus.READY, to, trigger, connection, evidence=evidence)


LEFT = AgentLeft("c1", "builder", "x")
DEAD = changed(AgentStatus.DEAD, "heartbeat_expired")
RESTARTING = changed(AgentStatus.RESTARTING, "restart_initiated")


def fold(*events: AgentEvent, first: int = 1) -> Sender:
    """Each at the position that is its version, too, from `first` on."""
    sender: Sender | None = None
    for number, event in enumerate(events, first):
        sender = evolve(sender, recorded(STREAM, event, position=number, version=number), event)
    assert sender is not None
    return sender
