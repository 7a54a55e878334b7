"""One shard of the heartbeat stream: its observed clock, timing wheel and clock rate."""

from makima_stale_detector.domain.shards.clock_rate import ClockRate
from makima_stale_detector.domain.shards.observed_clock import ObservedClock
from makima_stale_detector.domain.shards.timing_wheel import NO_HORIZON, Wheel


class Shard:
    """State of one shard. A sender's silence is measured on the clock of the shard that its heartbeats arrive
    on.

    Messages with sequences below `live_from` are history, delivered newest per subject: they give each
    sender's last heartbeat, but their timestamps are not continuous, so the observed clock starts only behind
    them.
    """

    def __init__(self, number: int, grace: int, horizon: int = NO_HORIZON) -> None:
        self.number = number
        self._horizon = horizon  # of the wheel
        self.epoch = ""  # incarnation of the stream that is read
        self.live_from = 0  # first stream sequence that is not history
        self.live = False  # True once a message at or after `live_from` was consumed
        self.clock = ObservedClock(grace)
        self.wheel = Wheel(horizon)  # deadlines of the senders whose heartbeats arrived on this shard
        self.rate = ClockRate()

    def begin(self, epoch: str, live_from: int) -> None:
        """Start reading the stream, or a recreated one (new `epoch`): reset clock, wheel and rate."""
        self.epoch, self.live_from, self.live = epoch, live_from, False
        self.clock = ObservedClock(self.clock.grace, self.clock.pace)
        self.wheel = Wheel(self._horizon)
        self.rate = ClockRate()

    def consumed(self, sequence: int, stamp: int) -> None:
        """Advance the clock by a message, in stream order; `stamp` is its broker timestamp (Unix ns)."""
        if self.live:
            self.clock.advance(stamp)
        else:
            self.clock.watermark = stamp
            self.live = sequence >= self.live_from
