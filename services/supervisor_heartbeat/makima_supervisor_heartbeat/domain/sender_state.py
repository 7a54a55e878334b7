"""What the log has told of a sender: its folded state, and that state as JSON."""

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
    """Nothing yet; None for senders of which the log keeps no state here."""
    match split_stream(stream)[0]:
        case "supervisor":
            return SUPERVISOR.initial
        case "daemon":
            return DAEMON.initial
        case _:
            return None


def evolve(told: SenderState, event: SenderEvent) -> SenderState:
    match told:
        case Supervisor():
            return SUPERVISOR.evolve(told, cast("SupervisorEvent", event))
        case Daemon():
            return DAEMON.evolve(told, cast("DaemonEvent", event))
        case None:
            return None


def dump_state(told: SenderState) -> str:
    match told:
        case Supervisor():
            return _SUPERVISOR.dump_json(told).decode()
        case Daemon():
            return _DAEMON.dump_json(told).decode()
        case None:
            return "null"


def load_state(stream: str, text: str) -> SenderState:
    match split_stream(stream)[0]:
        case "supervisor":
            return _SUPERVISOR.validate_json(text)
        case "daemon":
            return _DAEMON.validate_json(text)
        case _:
            return None
