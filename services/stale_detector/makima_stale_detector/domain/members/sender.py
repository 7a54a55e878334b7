"""A sender's state, folded from its supervisor, agent or daemon stream; those that are alive are tracked."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol

from makima_schemas.agent import BEATING, AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged, AgentStep
from makima_schemas.codec import Event
from makima_schemas.connections import fence
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.envelope import Recorded
from makima_schemas.maintenance import Windows
from makima_schemas.supervisor import (
    ENDED,
    RestorationProved,
    SupervisorRegistered,
    SupervisorStateChanged,
)

from makima_stale_detector.domain.members import sender_names as senders

EVENTS: Final[frozenset[type]] = frozenset(
    {
        SupervisorRegistered,
        SupervisorStateChanged,
        RestorationProved,
        AgentJoined,
        AgentStatusChanged,
        AgentLeft,
        DaemonConnected,
        DaemonDisconnected,
    }
)


class Row(Protocol):
    """A database row, read by column name (what `asyncpg.Record` offers)."""

    def __getitem__(self, column: str, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Sender:
    """A supervisor, agent or daemon that sends heartbeats: a row of the table `senders`."""

    name: str  # `<kind>:<id>`, e.g. `supervisor:t1`, `agent:c1:builder`
    # Heartbeats of it are expected. Supervisor: not interrupted, completed or failed; agent: ready or working;
    # daemon: connected.
    alive: bool
    # Log position of the event that made it alive, of an agent its last join; part of the verdict's command id.
    alive_position: int
    contract_id: str | None  # None for a daemon
    daemon_id: str  # the daemon that runs it, or the daemon itself; empty for an agent without a daemon
    connection_id: str | None = None  # the current connection (incarnation); None: the sender sends none
    # Connection ids that were replaced: their heartbeats do not count; newest last.
    superseded: tuple[str, ...] = ()
    # Of an agent: its status, the version of its stream at the event that led there, and when that was recorded.
    status: AgentStatus | None = None
    status_version: int = 0
    status_since: datetime | None = None
    handed_out: bool = False  # a restoration handed out a supervisor's connection: no other one counts

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

    def covered_by(self, maintenance: Windows, owner: str) -> bool:
        """True if its silence is expected: its owner, its daemon or its contract has maintenance."""
        return bool(maintenance.open) and bool(
            maintenance.covering(owner=owner, daemon=self.daemon_id, contract=self.contract_id)
        )

    def accepts(self, contract_id: str | None, connection_id: str | None) -> bool:
        """False for a heartbeat of a superseded connection or with another contract id, as in the recorder.

        An agent's connection counts once it has joined, and no other, as one that was handed out to a supervisor;
        a refused heartbeat may name none. An empty
        contract id: the heartbeat was refused, and does not say.
        """
        if connection_id in self.superseded or contract_id not in (self.contract_id, ""):
            return False
        any_new = self.status is None and not self.handed_out
        return any_new or connection_id in (self.connection_id, None)


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
        None if row["status"] is None else AgentStatus(row["status"]),
        row["status_version"],
        row["status_since"],
        row["handed_out"],
    )


@dataclass(frozen=True, slots=True)
class Tracked:
    """A sender with the owner of its contract."""

    sender: Sender
    owner: str  # owner id of its contract; "" for a daemon

    def covered_by(self, maintenance: Windows) -> bool:
        return self.sender.covered_by(maintenance, self.owner)


def sender_of_event(recorded: Recorded, event: Event) -> str | None:
    """Name of the sender that the event is about; None if it is about none."""
    match event:
        case SupervisorRegistered() | SupervisorStateChanged() | RestorationProved():
            return senders.supervisor(recorded.entity_id)
        case AgentJoined() | AgentStatusChanged() | AgentLeft():
            return senders.agent(recorded.entity_id)
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
        case RestorationProved():  # the event before it names the connection
            return None if before is None else replace(before, handed_out=True)
        case AgentJoined() | AgentStatusChanged() | AgentLeft():
            return _agent(before, recorded, event)
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
        superseded=fence(known.superseded, known.connection_id, event.connection_id),
    )


def _agent(before: Sender | None, recorded: Recorded, event: AgentStep) -> Sender:
    """Each join is a sign of life, also one under the connection in force. Replaced connections are not kept: only
    the one in force counts.
    """
    name = senders.agent(recorded.entity_id)
    known = before or Sender(name, alive=False, alive_position=0, contract_id=event.contract_id, daemon_id="")
    status = AgentStatus.OFFLINE if isinstance(event, AgentLeft) else AgentStatus(event.new_status)
    alive = status in BEATING
    if status is not known.status:
        known = replace(
            known, status=status, status_version=recorded.version, status_since=recorded.recorded_at
        )
    if not isinstance(event, AgentJoined):
        began = alive and not known.alive
        position = recorded.position if began else known.alive_position
        return replace(known, alive=alive, alive_position=position)
    return replace(
        known,
        alive=alive,
        alive_position=recorded.position,
        daemon_id=event.daemon_id or "",
        connection_id=event.connection_id,
    )
