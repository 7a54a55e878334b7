"""A sender's state, folded from its supervisor or daemon stream; those that are alive are tracked."""

from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from makima_schemas.codec import Event
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.envelope import Recorded
from makima_schemas.supervisor import ENDED, SupervisorRegistered, SupervisorStateChanged

from makima_stale_detector.domain.members import sender_names as senders

EVENTS: Final[frozenset[type]] = frozenset(
    {SupervisorRegistered, SupervisorStateChanged, DaemonConnected, DaemonDisconnected}
)
REMEMBERED_CONNECTIONS: Final = 16  # superseded connection ids kept per sender


class Row(Protocol):
    """A database row, read by column name (what `asyncpg.Record` offers)."""

    def __getitem__(self, column: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Sender:
    """A supervisor or daemon that sends heartbeats: a row of the table `senders`."""

    name: str  # `<kind>:<id>`, e.g. `supervisor:t1`
    alive: bool  # supervisor: not interrupted, completed or failed; daemon: connected
    alive_position: int  # log position of the event that made it alive; part of the verdict's command id
    contract_id: str | None  # None for a daemon
    daemon_id: str  # the daemon that runs the supervisor, or the daemon itself
    connection_id: str | None = None  # the current connection (incarnation); None: the sender sends none
    # Connection ids that were replaced: their heartbeats do not count; newest last.
    superseded: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return self.name.partition(":")[0]

    @property
    def domain(self) -> str:
        """What fails together with it: its daemon and all senders there; itself, without a daemon."""
        return self.daemon_id or self.name

    @property
    def entity_id(self) -> str:
        return self.name.partition(":")[2]

    def accepts(self, contract_id: str | None, connection_id: str | None) -> bool:
        """False for a heartbeat of a superseded connection or with another contract id, as in the recorder.

        An empty contract id: the heartbeat was refused, and does not say.
        """
        return connection_id not in self.superseded and contract_id in (self.contract_id, "")


def from_row(row: Row) -> Sender:
    """Build a sender from a row of the table `senders`."""
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
    """A sender with the owner of its contract."""

    sender: Sender
    owner: str  # owner id of its contract; "" for a daemon


def sender_of_event(recorded: Recorded, event: Event) -> str | None:
    """Name of the sender that the event is about; None if it is about none."""
    match event:
        case SupervisorRegistered() | SupervisorStateChanged():
            return senders.supervisor(recorded.entity_id)
        case DaemonConnected() | DaemonDisconnected():
            return senders.daemon(recorded.entity_id)
        case _:
            return None


def evolve(before: Sender | None, recorded: Recorded, event: Event) -> Sender | None:
    """Fold one event into the sender's state; `before` is None for a sender without events so far."""
    match event:
        case SupervisorRegistered(contract_id, daemon_id, connection_id, state):
            name = senders.supervisor(recorded.entity_id)
            return Sender(name, state not in ENDED, recorded.position, contract_id, daemon_id, connection_id)
        case SupervisorStateChanged():
            return _changed(before, recorded, event)
        case DaemonConnected(hostname):
            if before is not None and before.alive:
                return before  # only the hostname changed
            # Without a hostname the daemon is known only from heartbeats of its supervisors. It has never
            # sent one itself, so it is not tracked: its silence proves nothing.
            name, introduced = senders.daemon(recorded.entity_id), hostname != ""
            return Sender(
                name,
                introduced,
                recorded.position if introduced else 0,
                contract_id=None,
                daemon_id=recorded.entity_id,
            )
        case DaemonDisconnected():
            name = senders.daemon(recorded.entity_id)
            return Sender(name, alive=False, alive_position=0, contract_id=None, daemon_id=recorded.entity_id)
        case _:
            return before


def _changed(before: Sender | None, recorded: Recorded, event: SupervisorStateChanged) -> Sender:
    name = senders.supervisor(recorded.entity_id)
    known = before or Sender(
        name, alive=False, alive_position=0, contract_id=event.contract_id, daemon_id=event.daemon_id
    )
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
