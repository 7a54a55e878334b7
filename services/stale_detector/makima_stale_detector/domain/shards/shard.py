"""One shard of the heartbeats: its clock, its wheel, and how well it is seen."""

from makima_stale_detector.domain.shards.clock_rate import ClockRate
from makima_stale_detector.domain.shards.observed_clock import ObservedClock
from makima_stale_detector.domain.shards.timing_wheel import Wheel


class Shard:
    """A sender's silence is measured by the clock of the shard that its heartbeats arrive on, and by no other.

    What the stream held before `live_from` is history, newest per subject: it tells who spoke last, but its timestamps do not
    flow, so the clock begins behind it.
    """

    def __init__(self, number: int, grace: int) -> None:
        self.number = number
        self.epoch = ""
        self.live_from = 0
        self.live = False
        self.clock = ObservedClock(grace)
        self.wheel = Wheel()
        self.rate = ClockRate()

    def begin(self, epoch: str, live_from: int) -> None:
        """The stream is read from now on, or is another one than before: what was observed so far means nothing any more."""
        self.epoch, self.live_from, self.live = epoch, live_from, False
        self.clock = ObservedClock(self.clock.grace, self.clock.pace)
        self.wheel = Wheel()
        self.rate = ClockRate()

    def consumed(self, sequence: int, stamp: int) -> None:
        """A message, of whatever kind, in the order of the stream; `stamp` is the broker's time, Unix ns."""
        if self.live:
            self.clock.advance(stamp)
        else:
            self.clock.watermark = stamp
            self.live = sequence >= self.live_from
