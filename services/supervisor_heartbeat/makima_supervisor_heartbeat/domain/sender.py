"""What is cached of one sender of heartbeats."""

import msgspec
from makima_schemas.daemon import ObserveDaemon
from makima_schemas.supervisor import ObserveHeartbeat

from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.daemon import Daemon
from makima_supervisor_heartbeat.domain.event_budget import EventBudget
from makima_supervisor_heartbeat.domain.heartbeats import Beat
from makima_supervisor_heartbeat.domain.progress import ProgressState
from makima_supervisor_heartbeat.domain.sender_state import SenderState
from makima_supervisor_heartbeat.domain.stuck import ObserveProgress, ObserveStuck
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor

Observation = ObserveHeartbeat | ObserveDaemon | ObserveStuck | ObserveProgress


class Unfit(msgspec.Struct, frozen=True, gc=False):
    """What a sender last said that did not fit."""

    count: int  # since this process began
    at_ns: int  # when the broker received the last one, Unix ns
    reason: str
    refused: bool  # True: nothing could be made of it; False: it was recorded, and some of it cut or dropped


class Rival(msgspec.Struct, frozen=True, gc=False):
    """Somebody else who speaks for the same sender."""

    other: str  # a supervisor's: the other daemon's id; a daemon's: the hostname that spoke before
    count: int  # heartbeats of the other since this process began; a daemon's: how often the two took turns
    at_ns: int  # when the broker received the last one, Unix ns


class OverLimit(msgspec.Struct, frozen=True, gc=False):
    """A new sender of a daemon was refused, because the daemon has too many."""

    reason: str
    at_ns: int  # when the broker received the last one, Unix ns


class Sender(msgspec.Struct, gc=False):
    """Cached state of one supervisor, agent or daemon."""

    # Its stream in the log, such as `supervisor-t1`.
    stream: str
    entity_id: str
    # The state that the events of the log fold to, as far as they were applied here.
    logged: SenderState
    # The state that `logged` will be once all submitted observations are decided; heartbeats are compared
    # with this one.
    expected: SenderState
    # The newest heartbeat of its current incarnation.
    last: Beat | None = None
    # Stream epoch and sequence of the heartbeat whose observation was submitted last: it is not submitted
    # twice.
    observed: tuple[str, int] = ("", 0)
    # The position in the log of the newest event that our own observations caused: until `logged` reaches it,
    # `expected` is the newer.
    awaited: int = 0
    # Observations that were submitted and are not answered yet.
    undecided: int = 0
    # The version of its stream that `logged` shows; 0: not known.
    version: int = 0
    # True if `expected` agrees with `last`: a heartbeat that equals `last` then changes nothing and needs no
    # comparison.
    settled: bool = False
    # The columns of the row of `last` that rarely change, as COPY text: saves building them for each
    # heartbeat.
    head: str = ""
    # How many changes its heartbeats may still record; None until the first one.
    budget: EventBudget | None = None
    # What of its heartbeats did not fit; None: all did.
    unfit: Unfit | None = None
    # Who else spoke for it last; None: nobody did.
    rival: Rival | None = None
    # A daemon's: why new senders of it are refused; None: none was.
    over_limit: OverLimit | None = None
    # What is remembered of its progress; None until its first heartbeat, and of a daemon.
    progress_state: ProgressState | None = None

    def expect(self, state: SenderState) -> None:
        """Compare heartbeats with this state from now on."""
        self.expected, self.settled = state, False

    def note_unfit(self, at_ns: int, reason: str, *, refused: bool) -> None:
        self.unfit = Unfit((self.unfit.count if self.unfit else 0) + 1, at_ns, reason, refused)

    def note_foreign(self, at_ns: int, daemon_id: str) -> None:
        """Another daemon sent a heartbeat of this supervisor, or of this one's contract; it changes nothing."""
        self.rival = Rival(daemon_id, (self.rival.count if self.rival else 0) + 1, at_ns)

    def note_hostname(self, at_ns: int, before: str, hostname: str) -> None:
        """This daemon's heartbeat came from another host than the one before: it moved, or there are two."""
        turns = self.rival.count + 1 if self.rival is not None and self.rival.other == hostname else 0
        self.rival = Rival(before, turns, at_ns)


def has_ended(sender: Sender, before_ns: int) -> bool:
    if sender.undecided or (sender.last is not None and sender.last.received_ns >= before_ns):
        return False
    match sender.logged:
        case Supervisor() as state:
            return not state.alive
        case Daemon() as state:
            # Which owner a daemon serves must be known at its first heartbeat.
            return not state.connected and state.admission is None
        case Agent() as state:
            return not state.alive


def has_left(sender: Sender, daemon_id: str, before_ns: int) -> bool:
    """True if the sender is none of the daemon's any more: it ended, moved, or was not heard since `before_ns`."""
    last = sender.last
    if last is None or last.address.daemon_id != daemon_id or last.received_ns < before_ns:
        return True
    state = sender.logged
    match state:
        case Supervisor():
            return state.state is not None and not state.alive
        case Agent():
            return state.status is not None and not state.alive
        case Daemon():
            return False


def agrees(state: SenderState, beat: Beat) -> bool:
    """True if a heartbeat agrees with this state, so that it needs no observation."""
    match state:
        case Supervisor(restoring=restoring) if restoring is not None:
            return False
        case Supervisor():
            same_connection = beat.connection_id is None or state.connection_id == beat.connection_id
            same = state.state is beat.state and state.daemon_id == beat.address.daemon_id and same_connection
            return same and not state.restarting
        case Daemon():
            return state.connected is True and state.hostname == beat.hostname
        case Agent():
            return state.alive and state.connection_id == beat.connection_id
