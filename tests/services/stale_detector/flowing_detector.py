"""A detector on two shards that the test lets flow."""

from collections.abc import Collection, Iterable

from makima_stale_detector.domain.members.heartbeat import UNREAD
from makima_stale_detector.domain.members.sender import Sender
from makima_stale_detector.domain.members.sender_names import heartbeat_subject, shard_of
from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND, Pace, Timeouts
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.domain.verdicts.findings import Findings
from makima_stale_detector.domain.verdicts.mass_silence import Hold
from makima_stale_detector.domain.verdicts.verdict import Verdict

START = 1_700_000_000 * SECOND
TIMEOUTS = Timeouts(timeout=4 * SECOND, interval=SECOND, grace=500 * MILLISECOND)
SHARDS = 2


class Watch:
    """A detector whose shards are live and flow together; `flow` returns all that it found on the way."""

    def __init__(self, timeouts: Timeouts = TIMEOUTS) -> None:
        self.detector = Detector(timeouts, "r1", SHARDS)
        self.clocks, self.sequence = [START] * SHARDS, 0
        self.begin()

    def begin(self, epoch: str = "e1") -> None:
        for shard in self.detector.shards:
            self.detector.begin(shard, epoch, self.sequence + 1)

    def track(self, *numbers: int, owner: str = "") -> None:
        for number in numbers:
            self.detector.track(sender(number), owner)

    def flow(self, span: int, on: Collection[int] = range(SHARDS)) -> Findings:
        """Time goes on where the stream is seen to flow; a shard that was left out goes on from where it
        stood.
        """
        found = Findings()
        for _ in range(span // (50 * MILLISECOND)):
            for number in on:
                self.clocks[number] += 50 * MILLISECOND
                self.sequence += 1
                self.detector.shards[number].consumed(self.sequence, self.clocks[number])
            tick = self.detector.tick()
            found.verdicts += tick.verdicts
            found.hold_requests += tick.hold_requests
            found.hold_releases += tick.hold_releases
        return found

    def hear(self, number: int, on: int | None = None, connection: str | None = None, quiet: int = 0) -> None:
        """`quiet`: for how long it announces to be quiet, ns."""
        self.sequence += 1
        on = home(number) if on is None else on
        self.detector.shards[on].consumed(self.sequence, self.clocks[on])
        spoken = (sender(number).name, f"c{number}", connection, quiet)
        self.detector.on_heartbeat(self.detector.shards[on], spoken, self.sequence, self.clocks[on])

    def refuse(self, number: int, connection: str | None = None) -> None:
        """A heartbeat arrives of which nothing can be made but who sent it."""
        self.sequence += 1
        shard = self.detector.shards[home(number)]
        shard.consumed(self.sequence, self.clocks[home(number)])
        source = (sender(number).name, UNREAD, connection, 0)
        self.detector.on_heartbeat(shard, source, self.sequence, self.clocks[home(number)])

    def beating(self, numbers: Iterable[int], span: int) -> Findings:
        """Everyone of these says something each second."""
        found = Findings()
        for _ in range(span // SECOND):
            for number in numbers:
                self.hear(number)
            each = self.flow(SECOND)
            found.verdicts += each.verdicts
            found.hold_requests += each.hold_requests
            found.hold_releases += each.hold_releases
        return found

    @property
    def paces(self) -> set[Pace]:
        return {shard.clock.pace for shard in self.detector.shards}

    def asked(self, number: int = 1) -> Verdict:
        """Tracked, never heard, and found silent: the verdict that is on its way."""
        self.track(number)
        [verdict] = self.flow(6 * SECOND).verdicts
        assert self.detector.is_pending(verdict)
        return verdict


def sender(number: int) -> Sender:
    """Each on a daemon, and so in a failure domain, of its own; half of them on each shard."""
    daemon = f"d{number}{'a' * (number % 2)}"
    return Sender(f"supervisor:t{number}", True, 1, f"c{number}", daemon)


def home(number: int) -> int:
    """The shard on which its heartbeats arrive."""
    return shard_of(heartbeat_subject(sender(number).name, sender(number).daemon_id), SHARDS)


def named(verdicts: Iterable[Verdict]) -> list[str]:
    return sorted(verdict.sender.name for verdict in verdicts)


def held_suspect(watch: Watch) -> int:
    """One that was heard, fell silent and is a suspect under a hold; the place of what it said last."""
    watch.track(1)
    watch.hear(1)
    said = watch.sequence
    watch.detector.hold("", Hold(1, held=True))
    assert watch.flow(6 * SECOND).verdicts == []
    return said
