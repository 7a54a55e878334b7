"""A sender's state folded from its stream in the log, and its JSON form in the table `senders`."""

from typing import Final, cast

from makima_schemas.codec import adapter
from makima_schemas.daemon import DaemonEvent
from makima_schemas.identity import split_stream
from makima_schemas.supervisor import SupervisorEvent

from makima_supervisor_heartbeat.domain.daemon import Daemon, DaemonDecider
from makima_supervisor_heartbeat.domain.supervisor import Supervisor, SupervisorDecider

SenderState = Supervisor | Daemon | None
SenderEvent = SupervisorEvent | DaemonEvent

SUPERVISOR: Final = SupervisorDecider()
DAEMON: Final = DaemonDecider()
_SUPERVISOR: Final = adapter(Supervisor)
_DAEMON: Final = adapter(Daemon)


def initial(stream: str) -> SenderState:
    """The state before the first event; None for senders without a stream in the log (agents)."""
    match split_stream(stream)[0]:
        case "supervisor":
            return SUPERVISOR.initial
        case "daemon":
            return DAEMON.initial
        case _:
            return None


def evolve(state: SenderState, event: SenderEvent) -> SenderState:
    """Fold one event into the state `told`; None stays None."""
    match state:
        case Supervisor():
            return SUPERVISOR.evolve(state, cast("SupervisorEvent", event))
        case Daemon():
            return DAEMON.evolve(state, cast("DaemonEvent", event))
        case None:
            return None


def dump_state(state: SenderState) -> str:
    """The state as JSON, for the column `told`."""
    match state:
        case Supervisor():
            return _SUPERVISOR.dump_json(state).decode()
        case Daemon():
            return _DAEMON.dump_json(state).decode()
        case None:
            return "null"


def load_state(stream: str, text: str) -> SenderState:
    """The state from the JSON of the column `told`; the stream's category gives its type."""
    match split_stream(stream)[0]:
        case "supervisor":
            return _SUPERVISOR.validate_json(text)
        case "daemon":
            return _DAEMON.validate_json(text)
        case _:
            return None
