"""Who is tracked comes from the log: every supervisor and every daemon that it calls alive, until it says otherwise."""

from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from makima_schemas.codec import Event
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.envelope import Recorded
from makima_schemas.supervisor import ENDED, SupervisorRegistered, SupervisorStateChanged

from makima_stale_detector.domain.members import sender_names as senders

EVENTS: Final[frozenset[type]] = frozenset({SupervisorRegistered, SupervisorStateChanged, DaemonConnected, DaemonDisconnected})
REMEMBERED_CONNECTIONS: Final = 16


class Row(Protocol):
    """A row of the read model, by the names of its columns."""

    def __getitem__(self, column: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Sender:
    """`name` is `<kind>:<id>`; `alive_position` that of the event that made it alive; `superseded` the connections that may
    not speak any more, newest last. `contract_id` is null for a daemon.
    """

    name: str
    alive: bool
    alive_position: int
    contract_id: str | None
    daemon_id: str
    connection_id: str | None = None
    superseded: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return self.name.partition(":")[0]

    @property
    def entity_id(self) -> str:
        return self.name.partition(":")[2]

    def accepts(self, contract_id: str | None, connection_id: str | None) -> bool:
        """Whether a heartbeat counts: not of a connection that was replaced, nor of another contract's task (as the recorder has it)."""
        return connection_id not in self.superseded and contract_id == self.contract_id


def from_row(row: Row) -> Sender:
    """A sender as the read model keeps it."""
    return Sender(
        row["name"],
        row["alive"],
        row["alive_position"],
        row["contract_id"],
        row["daemon_id"],
        row["connection_id"],
        tuple(row["superseded"]),
    )


@dataclass(frozen=True, slots=True)
class Tracked:
    """A sender under the owner of its contract; empty for a daemon, and while the contract is not known."""

    sender: Sender
    owner: str


def sender_of_event(recorded: Recorded, event: Event) -> str | None:
    """The sender that an event tells something of."""
    match event:
        case SupervisorRegistered() | SupervisorStateChanged():
            return senders.supervisor(recorded.entity_id)
        case DaemonConnected() | DaemonDisconnected():
            return senders.daemon(recorded.entity_id)
        case _:
            return None


def evolve(before: Sender | None, recorded: Recorded, event: Event) -> Sender | None:
    """What is known of the sender after the event; `before` is null for one never seen."""
    match event:
        case SupervisorRegistered(contract_id, daemon_id, connection_id, state):
            name = senders.supervisor(recorded.entity_id)
            return Sender(name, state not in ENDED, recorded.position, contract_id, daemon_id, connection_id)
        case SupervisorStateChanged():
            return _changed(before, recorded, event)
        case DaemonConnected(hostname):
            if before is not None and before.alive:
                return before  # a new hostname
            # Without a hostname only its supervisors have spoken of it: nobody waits for heartbeats of one that has never sent any.
            name, introduced = senders.daemon(recorded.entity_id), hostname != ""
            return Sender(name, introduced, recorded.position if introduced else 0, contract_id=None, daemon_id=recorded.entity_id)
        case DaemonDisconnected():
            name = senders.daemon(recorded.entity_id)
            return Sender(name, alive=False, alive_position=0, contract_id=None, daemon_id=recorded.entity_id)
        case _:
            return before


def _changed(before: Sender | None, recorded: Recorded, event: SupervisorStateChanged) -> Sender:
    name = senders.supervisor(recorded.entity_id)
    known = before or Sender(name, alive=False, alive_position=0, contract_id=event.contract_id, daemon_id=event.daemon_id)
    alive = event.new_state not in ENDED
    came_alive = alive and not known.alive
    return replace(
        known,
        alive=alive,
        alive_position=recorded.position if came_alive else known.alive_position,
        daemon_id=event.daemon_id,
        connection_id=event.connection_id,
        superseded=_superseded(known, event.connection_id),
    )


def _superseded(known: Sender, connection_id: str | None) -> tuple[str, ...]:
    old = known.connection_id
    if old is None or old == connection_id:
        return known.superseded
    return (*known.superseded, old)[-REMEMBERED_CONNECTIONS:]
