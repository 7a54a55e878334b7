"""What the recorder remembers of every sender, so that a steady heartbeat costs a comparison and no question to the log."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec
from makima_schemas.daemon import ObserveDaemon
from makima_schemas.evidence import Arrival
from makima_schemas.identity import split_stream, stream_name
from makima_schemas.supervisor import ObserveHeartbeat

from services.supervisor_heartbeat.domain.daemon import Daemon
from services.supervisor_heartbeat.domain.heartbeats import Address, Beat, UnreadableError
from services.supervisor_heartbeat.domain.supervisor import Supervisor, speaks
from services.supervisor_heartbeat.domain.told import DAEMON, SUPERVISOR, TellingEvent, Told, evolved, initial

Observation = ObserveHeartbeat | ObserveDaemon


class Sender(msgspec.Struct, gc=False):
    """`logged` is what the log has told us of it, `expected` what it will tell once all that was observed is decided; `last` is
    the newest heartbeat of its current incarnation, `observed` the sequence of the one that was last put to the log.
    `awaited` is the position that `logged` must reach to be the newer of the two; `undecided` observations are on their way.
    """

    stream: str
    entity_id: str
    logged: Told
    expected: Told
    last: Beat | None = None
    observed: tuple[str, int] = ("", 0)
    awaited: int = 0
    undecided: int = 0


class Senders:
    """By the name of their stream. Heartbeats come in the order of their arrival, events in the order of the log."""

    def __init__(self) -> None:
        self._senders: dict[str, Sender] = {}
        self.stream_epoch = ""

    def __len__(self) -> int:
        return len(self._senders)

    def previous(self, address: Address) -> Beat | None:
        sender = self._senders.get(address.sender)
        return None if sender is None else sender.last

    def hear(self, beat: Beat) -> tuple[Sender | None, list[tuple[Sender, Observation]]]:
        """Whose newest heartbeat this is (None: it changes nothing), and what it gives to observe.

        Raises `UnreadableError` where a task speaks for another contract than its own.
        """
        address = beat.address
        sender = self._of(address.sender, address.entity_id)
        known = sender.expected
        if isinstance(known, Supervisor) and known.state is not None:
            if known.contract_id != beat.contract_id:
                raise UnreadableError(f"task {address.entity_id} belongs to contract {known.contract_id}, not to {beat.contract_id}")
            if beat.connection_id in known.superseded:
                return None, []
        sender.last = beat
        return sender, self._observations(sender, beat)

    def learn(self, stream: str, entity_id: str, event: TellingEvent, position: int) -> list[tuple[Sender, Observation]]:
        """An event of the log; what it gives to observe, because a heartbeat that we hold already says otherwise."""
        sender = self._of(stream, entity_id)
        sender.logged = evolved(sender.logged, event)
        return self._settle(sender, position)

    def decided(self, sender: Sender, position: int, learnt: int) -> list[tuple[Sender, Observation]]:
        """One observation is answered, by the event at `position` or by none (0); we have learnt the log up to `learnt`."""
        sender.undecided -= 1
        sender.awaited = max(sender.awaited, position)
        return self._settle(sender, learnt)

    def forget_expectations(self) -> None:
        """What was read but not recorded will be read again, and must be news again."""
        for sender in self._senders.values():
            if not sender.undecided:
                sender.expected = sender.logged

    def restore(self, stream: str, told: Told) -> None:
        """What the projection says of it."""
        sender = self._of(stream, split_stream(stream)[1])
        sender.logged = told
        if not sender.undecided:
            sender.expected = told

    def hold(self, beat: Beat) -> None:
        """The newest heartbeat that was recorded of it."""
        self._of(beat.address.sender, beat.address.entity_id).last = beat

    def overdue(self) -> Iterable[tuple[Sender, Observation]]:
        """What the held heartbeats give to observe: a recorder may have died between recording one and observing it."""
        for sender in list(self._senders.values()):
            if sender.last is not None:
                yield from self._observations(sender, sender.last)

    def _of(self, stream: str, entity_id: str) -> Sender:
        sender = self._senders.get(stream)
        if sender is None:
            told = initial(stream)
            sender = self._senders[stream] = Sender(stream, entity_id, told, told)
        return sender

    def _settle(self, sender: Sender, learnt: int) -> list[tuple[Sender, Observation]]:
        if sender.undecided or learnt < sender.awaited:
            return []
        sender.expected = sender.logged
        return self._observations(sender, sender.last) if sender.last is not None else []

    def _observations(self, sender: Sender, beat: Beat) -> list[tuple[Sender, Observation]]:
        match sender.expected:
            case Supervisor() as known:
                if (
                    known.state is beat.state
                    and known.daemon_id == beat.address.daemon_id
                    and (known.connection_id == beat.connection_id or beat.connection_id is None)
                ):
                    return []
                return self._of_supervisor(sender, known, beat)
            case Daemon() as known:
                if known.connected and known.hostname == beat.hostname:
                    return []
                return self._of_daemon(sender, known, beat.hostname, beat)
            case None:
                return []

    def _of_supervisor(self, sender: Sender, known: Supervisor, beat: Beat) -> list[tuple[Sender, Observation]]:
        contract_id, daemon_id = beat.contract_id, beat.address.daemon_id
        if contract_id is None or daemon_id is None or beat.state is None or beat.phase is None:
            return []
        if not speaks(known, contract_id, beat.connection_id):
            return []
        observed = ObserveHeartbeat(contract_id, daemon_id, beat.connection_id, beat.state, beat.phase, self._arrival(beat))
        found: list[tuple[Sender, Observation]] = []
        daemon = self._of(stream_name("daemon", daemon_id), daemon_id)
        if isinstance(daemon.expected, Daemon) and daemon.expected.connected is None:
            found += self._of_daemon(daemon, daemon.expected, "", beat)
        return found + self._expect(sender, observed, SUPERVISOR.decide(observed, known))

    def _of_daemon(self, sender: Sender, known: Daemon, hostname: str, beat: Beat) -> list[tuple[Sender, Observation]]:
        observed = ObserveDaemon(hostname, self._arrival(beat))
        return self._expect(sender, observed, DAEMON.decide(observed, known))

    def _expect(self, sender: Sender, observed: Observation, events: Sequence[TellingEvent]) -> list[tuple[Sender, Observation]]:
        place = (observed.heard.stream_epoch, observed.heard.stream_sequence)
        if not events or sender.observed == place:  # the log has answered that already
            return []
        sender.observed = place
        for event in events:
            sender.expected = evolved(sender.expected, event)
        sender.undecided += 1
        return [(sender, observed)]

    def _arrival(self, beat: Beat) -> Arrival:
        return Arrival(self.stream_epoch, beat.sequence, moment(beat.received_ns))


def moment(nanoseconds: int) -> datetime:
    """The broker's clock as a time, cut to microseconds."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
