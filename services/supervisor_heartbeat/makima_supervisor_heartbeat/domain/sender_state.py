"""A sender's state folded from its stream in the log, and its JSON form in the table `senders`."""

from typing import Final, cast

from makima_schemas.agent import AgentEvent
from makima_schemas.codec import adapter
from makima_schemas.daemon import DaemonEvent
from makima_schemas.identity import split_stream
from makima_schemas.supervisor import SupervisorEvent, SupervisorStep

from makima_supervisor_heartbeat.domain.agents.agent import Agent, AgentDecider
from makima_supervisor_heartbeat.domain.daemon import Daemon, DaemonDecider
from makima_supervisor_heartbeat.domain.supervisor import SupervisorDecider
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor

SenderState = Supervisor | Daemon | Agent
SenderEvent = SupervisorEvent | DaemonEvent | AgentEvent
# The events that change a sender's state; saves, which may be many, are not among them.
OfSender = SupervisorStep | AgentEvent | DaemonEvent

SUPERVISOR: Final = SupervisorDecider()
DAEMON: Final = DaemonDecider()
AGENT: Final = AgentDecider()
_SUPERVISOR: Final = adapter(Supervisor)
_DAEMON: Final = adapter(Daemon)
_AGENT: Final = adapter(Agent)


def initial(stream: str) -> SenderState:
    """The state before the first event."""
    match split_stream(stream)[0]:
        case "supervisor":
            return SUPERVISOR.initial
        case "daemon":
            return DAEMON.initial
        case _:
            return AGENT.initial


def evolve(state: SenderState, event: SenderEvent) -> SenderState:
    """Fold one event into the state `told`."""
    match state:
        case Supervisor():
            return SUPERVISOR.evolve(state, cast("SupervisorEvent", event))
        case Daemon():
            return DAEMON.evolve(state, cast("DaemonEvent", event))
        case Agent():
            return AGENT.evolve(state, cast("AgentEvent", event))


def dump_state(state: SenderState) -> str:
    """The state as JSON, for the column `told`."""
    match state:
        case Supervisor():
            return _SUPERVISOR.dump_json(state).decode()
        case Daemon():
            return _DAEMON.dump_json(state).decode()
        case Agent():
            return _AGENT.dump_json(state).decode()


def load_state(stream: str, text: str) -> SenderState:
    """The state from the JSON of the column `told`; the stream's category gives its type."""
    match split_stream(stream)[0]:
        case "supervisor":
            return _SUPERVISOR.validate_json(text)
        case "daemon":
            return _DAEMON.validate_json(text)
        case _:
            return _AGENT.validate_json(text)
