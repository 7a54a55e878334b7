"""The observed clock of a shard: time that counts only while the stream is seen to flow.

It advances by the broker timestamps of messages consumed in order, and by nothing else: if the broker, the network or the
detector itself stands still, so does this clock, and nobody can be found silent by it.
"""

from dataclasses import dataclass
from typing import Final

SECOND: Final = 1_000_000_000  # all times of this package are nanoseconds
MILLISECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """`step` is the most that counts between two messages; a longer distance than `gap` says that the stream stood still."""

    step: int
    gap: int


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Observed time. `grace` is what a gap sets the clocks back by; more than half a timeout would only delay."""

    timeout: int
    interval: int
    grace: int


CANARIES_FAST: Final = Pace(step=250 * MILLISECOND, gap=SECOND)  # every 50 ms: five may be lost
CANARIES_SLOW: Final = Pace(step=1250 * MILLISECOND, gap=2500 * MILLISECOND)  # every second, while nobody is tracked


class ObservedClock:
    """`observed` counts from 0; `watermark` is the broker's time of the newest message consumed (0: none yet).

    After a gap the clock is set back by `grace`, so that senders whose connection broke can come back before anyone is judged.
    Graces do not add up: `observed` is never less than the furthest it was, minus one grace.
    """

    __slots__ = ("_peak", "grace", "observed", "pace", "watermark")

    def __init__(self, grace: int, pace: Pace = CANARIES_FAST) -> None:
        self.grace = grace
        self.pace = pace
        self.observed = 0
        self.watermark = 0
        self._peak = 0

    def advance(self, stamp: int) -> None:
        """A message with this broker timestamp (Unix ns) was consumed. The first branch is the hot path."""
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
        # else: a small step back counts nothing, and the time until it is made good counts nothing either

    def _jump(self, stamp: int, passed: int) -> None:
        """The stream stood still, or the broker's clock was set: go on from the new time, one grace back."""
        if passed > 0:
            self.observed += self.pace.step
        self._peak = max(self._peak, self.observed)  # between two jumps the clock only advances
        self.observed = max(self._peak - self.grace, 0)
        self.watermark = stamp
