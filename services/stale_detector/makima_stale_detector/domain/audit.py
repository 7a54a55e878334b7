"""What of a sender has to be the same wherever it is said: in the log, in the read models, and in the detector's memory."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from makima_schemas.agent import BEATING, AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged
from makima_schemas.codec import Event
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.supervisor import ENDED, SupervisorRegistered, SupervisorStateChanged

from makima_stale_detector.domain.members.sender import Sender


@dataclass(frozen=True, slots=True)
class SenderView:
    """What a source says of a sender. Null in `daemon_id` or `status`: it does not say."""

    alive: bool  # heartbeats of it are expected
    connection_id: str | None = None
    daemon_id: str | None = None
    status: AgentStatus | None = None  # of an agent

    @property
    def watched(self) -> bool:
        """It has a deadline: for its heartbeats, or for its restart."""
        return self.alive or self.status is AgentStatus.RESTARTING


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """Where a source differs from the log, and in what."""

    source: str  # "memory", "read_model" (ours) or "recorder" (its read model)
    about: str
    log: str
    found: str

    def __str__(self) -> str:
        return f"{self.source}: {self.about} is {self.found}, by the log {self.log}"


@dataclass(frozen=True, slots=True)
class Sighting:
    """How a sender differed at one look. `position`: all that any source had read by then; a later look tells what was
    merely on its way only once every source has read that.
    """

    head: int  # position of its newest event in the log
    position: int
    differences: frozenset[Difference]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Senders as the sources said at one moment: the names of those that agree, and how the others differ. `reached`:
    the position that every source had read.
    """

    reached: int
    agree: frozenset[str]
    differ: dict[str, Sighting] = field(default_factory=dict[str, Sighting])


def view_of_event(event: Event) -> SenderView | None:
    """What a sender's newest event says of it; None if that does not tell whether it is alive."""
    match event:
        case SupervisorRegistered(state=state) | SupervisorStateChanged(new_state=state):
            return SenderView(state not in ENDED, event.connection_id, event.daemon_id)
        case AgentJoined(new_status=status):
            return SenderView(
                status in BEATING, event.connection_id, event.daemon_id or "", AgentStatus(status)
            )
        case AgentStatusChanged(new_status=status):
            return SenderView(status in BEATING, event.connection_id, None, AgentStatus(status))
        case AgentLeft():
            return SenderView(False, event.connection_id, None, AgentStatus.OFFLINE)
        case DaemonConnected(hostname):
            # Named by its supervisors only, or, if it was connected before, without its name for once.
            return SenderView(True) if hostname else None
        case DaemonDisconnected():
            return SenderView(False)
        case _:
            return None


def view_of_sender(sender: Sender) -> SenderView:
    """What the detector's own state of a sender says."""
    daemon_id = None if sender.kind == "daemon" else sender.daemon_id
    return SenderView(sender.alive, sender.connection_id, daemon_id, sender.status)


def differences(source: str, log: SenderView, found: SenderView | None) -> list[Difference]:
    """How the source differs from the log; `found` null: it does not know the sender. Of a sender that ended that is no
    difference, as nobody judges it.
    """
    if found is None:
        return [Difference(source, "the sender", _described(log), "not known")] if log.watched else []
    if found == log:
        return []
    pairs: Iterable[tuple[str, object, object]] = (
        ("alive", log.alive, found.alive),
        ("connection", log.connection_id, found.connection_id),
        ("daemon", log.daemon_id, found.daemon_id if log.daemon_id is not None else None),
        ("status", log.status, found.status),
    )
    return [
        Difference(source, about, str(expected), str(other))
        for about, expected, other in pairs
        if expected != other
    ]


def confirmed(first: Sighting, later: Comparison, name: str) -> frozenset[Difference]:
    """The differences of `first` that `later` finds again, if nothing about the sender can have been on its way: its
    newest event is still the same, and every source has read all that any had read at the first look.
    """
    again = later.differ.get(name)
    if again is None or again.head != first.head or later.reached < first.position:
        return frozenset()
    return first.differences & again.differences


def _described(view: SenderView) -> str:
    return view.status or ("alive" if view.alive else "ended")


class MissedHeartbeats:
    """Recorded heartbeats that the memory had not seen when they were looked for, of senders that are tracked."""

    def __init__(self) -> None:
        self._first: dict[str, int] = {}  # by sender, the sequence of the first of them in a row

    def __len__(self) -> int:
        return len(self._first)

    def heard(self, name: str) -> None:
        """The newest recorded heartbeat of the sender was seen."""
        self._first.pop(name, None)

    def missed(self, name: str, sequence: int) -> bool:
        """The newest one was not. True if it is the second in a row: one alone may have come before the event that lets
        it count.
        """
        return sequence > self._first.setdefault(name, sequence)

    def keep(self, tracked: Container[str]) -> None:
        """Nobody looks again for those of others."""
        self._first = {name: first for name, first in self._first.items() if name in tracked}
