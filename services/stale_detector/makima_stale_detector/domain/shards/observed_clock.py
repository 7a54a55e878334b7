"""The observed clock of a shard: it advances only while messages of the stream are being consumed.

It advances by the broker timestamps of messages consumed in order, and by nothing else. If the broker, the
network or the detector itself stalls, the clock stops, so a stall never makes a sender look silent.
"""

from dataclasses import dataclass
from typing import Final

SECOND: Final = 1_000_000_000  # all times of this package are nanoseconds
MILLISECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """Limits of an observed clock between two messages, in ns; they follow from the canaries' interval."""

    step: int  # the most that the clock advances between two messages
    # A longer distance (forward or back) means that the stream stalled or the broker's clock was set.
    gap: int


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Durations in ns of observed time."""

    timeout: int  # silence after which a supervisor or daemon is declared silent
    interval: int  # heartbeat interval of a sender
    # How far a gap sets the observed clocks back; more than half a timeout would only delay verdicts.
    grace: int
    agent_timeout: int = 90 * SECOND  # silence after which an agent is declared silent
    restart_timeout: int = 60 * SECOND  # after which an agent that is restarted has to be back

    # The longest that a sender may announce to be quiet; more counts as this much.
    quiet_max: int = 4 * 3600 * SECOND

    def of(self, sender: str, quiet: int = 0) -> int:
        """The timeout of a sender of this name (`<kind>:<id>`), or for how long it announces to be `quiet`, if that is
        longer. Only an agent's name begins with an `a`. Hot path.
        """
        timeout = self.agent_timeout if sender[0] == "a" else self.timeout
        return timeout if quiet <= timeout else max(timeout, min(quiet, self.quiet_max))

    @property
    def shortest(self) -> int:
        return min(self.timeout, self.agent_timeout)

    @property
    def loss(self) -> int:
        """How far the observed clocks are set back when the broker may have lost heartbeats, ns.

        One interval: a fleet that all beats at the same moment saturates the broker once an interval, and
        each time the same heartbeats are lost. At most half the shortest timeout, as the grace.
        """
        return min(max(self.grace, self.interval), self.shortest // 2)


CANARIES_FAST: Final = Pace(step=250 * MILLISECOND, gap=SECOND)  # canaries every 50 ms: five may be lost
# Canaries every second: no sender is tracked.
CANARIES_SLOW: Final = Pace(step=1250 * MILLISECOND, gap=2500 * MILLISECOND)


class ObservedClock:
    """Counts nanoseconds of observed time, from 0.

    After a gap the clock is set back by `grace`, so that senders whose connection broke can reconnect before
    a verdict. Graces do not add up: `observed` is never less than its maximum so far minus one grace.
    `set_back` does the same, with a span of its own, where heartbeats may have been lost in a stream that flows.
    """

    __slots__ = ("_peak", "grace", "observed", "pace", "watermark")

    def __init__(self, grace: int, pace: Pace = CANARIES_FAST) -> None:
        self.grace = grace  # ns
        self.pace = pace
        self.observed = 0  # the clock's value, ns
        self.watermark = 0  # broker timestamp (Unix ns) of the newest message consumed; 0: none yet
        self._peak = 0  # the maximum of `observed` when it was set back last

    def advance(self, stamp: int) -> None:
        """Advance the clock by a consumed message with this broker timestamp (Unix ns). The first branch is
        the hot path.
        """
        passed = stamp - self.watermark
        if 0 < passed <= self.pace.step:
            self.observed += passed
            self.watermark = stamp
        elif self.watermark == 0:
            self.watermark = stamp
        elif 0 < passed <= self.pace.gap:
            self.observed += self.pace.step
            self.watermark = stamp
        elif passed > self.pace.gap or passed < -self.pace.gap:
            self._jump(stamp, passed)
        # else: a small step back is ignored; the clock advances again once timestamps exceed the watermark

    def _jump(self, stamp: int, passed: int) -> None:
        """The stream stalled or the broker's clock was set: continue from the new
        timestamp, one grace back.
        """
        if passed > 0:
            self.observed += self.pace.step
        self.watermark = stamp
        self.set_back(self.grace)

    def set_back(self, span: int) -> None:
        """Set the clock `span` ns back from its maximum so far; it never goes forward by that."""
        self._peak = max(self._peak, self.observed)  # between two times it only advances
        self.observed = min(self.observed, max(self._peak - span, 0))
