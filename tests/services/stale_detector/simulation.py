"""A stream and its detectors without a broker: time is a number that the test moves."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from makima_schemas import subjects
from makima_schemas.agent import AgentStatus
from makima_schemas.evidence import Evidence
from makima_stale_detector.domain.members import sender_names as senders
from makima_stale_detector.domain.members.sender import Sender, Tracked
from makima_stale_detector.domain.members.sender_names import heartbeat_subject, shard_of
from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND, Timeouts
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.domain.verdicts.findings import Findings
from makima_stale_detector.domain.verdicts.mass_silence import Hold
from makima_stale_detector.domain.verdicts.verdict import Verdict, moment

START = 1_700_000_000 * SECOND
STEP = 25 * MILLISECOND
TIMEOUTS = Timeouts(timeout=120 * SECOND, interval=30 * SECOND, grace=3 * SECOND)
FLEET = 40


@dataclass(frozen=True, slots=True)
class StoredHeartbeat:
    sequence: int
    stamp: int
    shard: int
    sender: str | None
    connection_id: str | None = None


@dataclass
class World:
    """The broker with its stream, the senders, and the log of who is alive. `dead` have stopped to send."""

    timeouts: Timeouts = TIMEOUTS
    now: int = START
    stream: list[StoredHeartbeat] = field(default_factory=list[StoredHeartbeat])
    fleet: dict[str, int] = field(default_factory=dict[str, int])  # sender → phase of its heartbeats
    dead: set[str] = field(default_factory=set[str])
    replicas: list["Replica"] = field(default_factory=list["Replica"])
    broker_up: bool = True
    canaries: bool = True
    broker_clock: int = 0  # how far the broker's clock is off
    silent_shards: set[int] = field(default_factory=set[int])
    alive: dict[str, Tracked] = field(default_factory=dict[str, Tracked])
    holds: dict[str, Hold] = field(default_factory=dict[str, Hold])
    accepted: list[Verdict] = field(default_factory=list[Verdict])
    outbox: list[str] = field(default_factory=list[str])
    # Where a sender runs, if not on a daemon of its own.
    daemon: dict[str, str] = field(default_factory=dict[str, str])
    connection: dict[str, str] = field(default_factory=dict[str, str])

    def populate(self, count: int, owner: Callable[[int], str] = lambda _number: "") -> None:
        for number in range(count):
            name = senders.supervisor(f"t{number}")
            self.fleet[name] = number * self.timeouts.interval // count
            sender = Sender(name, True, number + 1, f"c{number}", self.daemon_of(name))
            self.alive[name] = Tracked(sender, owner(number))

    def daemon_of(self, sender: str) -> str:
        return self.daemon.get(sender, f"d-{sender.partition(':')[2]}")

    def populate_daemons(self, count: int, *, agents: int, supervisors: int, owner: str) -> None:
        """Daemons, each with so many agents and supervisors, all of one owner."""
        for number in range(count):
            daemon = f"d{number}"
            self._add(Sender(senders.daemon(daemon), True, 1, None, daemon), "")
            for each in range(supervisors):
                task = f"t{number}_{each}"
                self._add(Sender(senders.supervisor(task), True, 1, task.replace("t", "c"), daemon), owner)
            for each in range(agents):
                contract = f"c{number}_{each}"
                name = senders.agent(f"{contract}:builder")
                ready = AgentStatus.READY
                self._add(Sender(name, True, 1, contract, daemon, "x", (), ready, 1), owner)
                self.connection[name] = "x"
        for place, name in enumerate(self.fleet):
            self.fleet[name] = place * 7919 % len(self.fleet) * self.timeouts.interval // len(self.fleet)

    def _add(self, sender: Sender, owner: str) -> None:
        self.fleet[sender.name], self.daemon[sender.name] = 0, sender.daemon_id
        self.alive[sender.name] = Tracked(sender, owner)

    def run(self, span: int, *, read: bool = True) -> None:
        """Move time on; `read` False: every detector is frozen."""
        for _ in range(span // STEP):
            self.now += STEP
            self._send()
            if read:
                for replica in self.replicas:
                    replica.read()

    def stamp(self) -> int:
        return self.now + self.broker_clock

    def _send(self) -> None:
        for sender, phase in self.fleet.items():
            if sender not in self.dead and (self.now - START - phase) % self.timeouts.interval < STEP:
                self.outbox.append(sender)
        if not self.broker_up:
            return
        for sender in self.outbox:
            self.store(sender)
        self.outbox.clear()
        if (
            self.canaries
            and any(replica.running for replica in self.replicas)
            and self.now % (50 * MILLISECOND) == 0
        ):
            for shard in set(range(subjects.SHARDS)) - self.silent_shards:
                self._store(shard, None)

    def store(self, sender: str) -> None:
        """A heartbeat arrives."""
        subject = senders.heartbeat_subject(sender, self.daemon_of(sender))
        self._store(senders.shard_of(subject), sender)

    def _store(self, shard: int, sender: str | None) -> None:
        self.stream.append(
            StoredHeartbeat(
                len(self.stream) + 1, self.stamp(), shard, sender, self.connection.get(sender or "")
            )
        )

    def take(self, verdict: Verdict) -> None:
        """The owner of the stream: as the supervisor_heartbeat service decides."""
        name = verdict.sender.name
        if name not in self.alive or self.holds.get(verdict.owner, Hold()).version != verdict.hold_version:
            return
        newest = max(
            (stored for stored in self.stream if stored.sender == name),
            key=lambda each: each.sequence,
            default=None,
        )
        current = verdict.connection_id == self.alive[name].sender.connection_id
        if not current or (newest is not None and contradicts(newest, verdict.evidence)):
            return
        del self.alive[name]
        self.accepted.append(verdict)
        for replica in self.replicas:
            replica.detector.untrack(name)

    def put_hold(self, owner: str, hold: Hold) -> None:
        if hold.version == self.holds.get(owner, Hold()).version + 1:
            self.holds[owner] = hold
        for replica in self.replicas:
            replica.detector.hold(owner, self.holds[owner])
            replica.detector.hold_recorded(owner)

    @property
    def found(self) -> list[str]:
        return [verdict.sender.name for verdict in self.accepted]


def contradicts(newest: StoredHeartbeat, evidence: Evidence) -> bool:
    """As the supervisor_heartbeat service decides: by sequences, or by time where the judge never heard the
    sender.
    """
    if evidence.stream_sequence:
        return newest.sequence > evidence.stream_sequence
    return moment(newest.stamp) > evidence.watermark - timedelta(seconds=evidence.timeout_seconds)


def contract_of(sender: str) -> str | None:
    kind, _, name = sender.partition(":")
    if kind == "daemon":
        return None
    return name.partition(":")[0] if kind == "agent" else name.replace("t", "c")


class Replica:
    """One detector that reads the world's stream."""

    def __init__(self, world: World, name: str = "r1") -> None:
        self.world, self.name = world, name
        self.running = False
        self.asked: list[Verdict] = []
        self.start()

    def start(self) -> None:
        self.detector = Detector(self.world.timeouts, self.name)
        self.detector.load(self.world.alive.values())
        for owner, hold in self.world.holds.items():
            self.detector.hold(owner, hold)
        self._place = len(self.world.stream)
        for shard in self.detector.shards:
            self.detector.begin(shard, "e1", self._place + 1)
        newest = {(each.shard, each.sender): each for each in self.world.stream}
        self._consume(sorted(newest.values(), key=lambda each: each.sequence))
        self.running = True

    def stop(self) -> None:
        self.running = False

    def read(self) -> None:
        if not self.running:
            return
        self._consume(self.world.stream[self._place :])
        self._place = len(self.world.stream)
        self._act(self.detector.tick())

    def _consume(self, messages: Iterable[StoredHeartbeat]) -> None:
        for message in messages:
            shard = self.detector.shards[message.shard]
            shard.consumed(message.sequence, message.stamp)
            if message.sender is not None:
                source = (message.sender, contract_of(message.sender), message.connection_id, 0)
                self.detector.on_heartbeat(shard, source, message.sequence, message.stamp)

    def _act(self, findings: Findings) -> None:
        self.asked += findings.verdicts
        for verdict in findings.verdicts:
            self.world.take(verdict)
            self.detector.resolve(verdict)
        for suspicion in findings.hold_requests:
            self.world.put_hold(suspicion.owner, Hold(suspicion.version + 1, held=True))
        for clearance in findings.hold_releases:
            self.world.put_hold(
                clearance.owner,
                Hold(clearance.version + 1, held=False, expired=clearance.reason == "hold_expired"),
            )


def small_owners(number: int) -> str:
    """Nobody has ten senders: no hold for mass silence covers up what the clock does wrong."""
    return f"o{number // 8}"


def world(
    replicas: int = 1,
    fleet: int = FLEET,
    timeouts: Timeouts | None = None,
    owners: Callable[[int], str] = small_owners,
) -> World:
    made = World() if timeouts is None else World(timeouts)
    made.populate(fleet, owners)
    made.replicas = [Replica(made, f"r{number}") for number in range(replicas)]
    return made


MINUTE = 60 * SECOND


def one_owner(_number: int) -> str:
    return ""


def kill(world: World, count: int) -> list[str]:
    chosen = sorted(set(world.fleet) - world.dead)[:count]
    world.dead |= set(chosen)
    return chosen


def move(w: World, sender: str, daemon: str) -> None:
    """To another daemon, whose subject lies on another shard."""
    before = shard_of(heartbeat_subject(sender, w.daemon_of(sender)))
    assert shard_of(heartbeat_subject(sender, daemon)) != before
    w.daemon[sender] = daemon
