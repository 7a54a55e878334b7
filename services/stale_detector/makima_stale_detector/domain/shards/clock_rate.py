"""Measures how fast an observed clock advances compared with the local monotonic clock."""

from collections import deque
from typing import Final

from makima_stale_detector.domain.shards.observed_clock import SECOND

RATE_WINDOW_NS: Final = 60 * SECOND
MIN_RATE_SPAN_NS: Final = 5 * SECOND  # samples over a shorter span give no reliable rate
MIN_CLOCK_RATE: Final = 0.5  # below this the detector counts as blind


class ClockRate:
    """Rate of an observed clock over a window: 1 if it advances like the local clock, 0 if it has stopped.

    Samples may be taken at any interval.
    """

    def __init__(self, window: int = RATE_WINDOW_NS) -> None:
        self._window = window
        self._samples: deque[tuple[int, int]] = deque()  # (local, observed) in ns, oldest first

    def sample(self, local: int, observed: int) -> None:
        """Add a sample; both in ns, `local` from a monotonic clock.

        The oldest sample kept is the last one before the window, or the first one ever.
        """
        self._samples.append((local, observed))
        while len(self._samples) > 2 and self._samples[1][0] <= local - self._window:
            self._samples.popleft()

    @property
    def value(self) -> float | None:
        """The rate, at least 0; None while the samples span less than MIN_RATE_SPAN_NS."""
        if not self._samples:
            return None
        (first_local, first), (last_local, last) = self._samples[0], self._samples[-1]
        span = last_local - first_local
        return max(0.0, (last - first) / span) if span >= MIN_RATE_SPAN_NS else None

    @property
    def blind(self) -> bool:
        """True if the rate is known and below MIN_CLOCK_RATE."""
        value = self.value
        return value is not None and value < MIN_CLOCK_RATE
