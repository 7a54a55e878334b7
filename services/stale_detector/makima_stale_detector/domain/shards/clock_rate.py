"""How well the detector sees: the rate of an observed clock against the local one."""

from collections import deque
from typing import Final

from makima_stale_detector.domain.shards.observed_clock import SECOND

RATE_WINDOW_NS: Final = 60 * SECOND
MIN_RATE_SPAN_NS: Final = 5 * SECOND  # a shorter look says nothing about a rate
MIN_CLOCK_RATE: Final = 0.5


class ClockRate:
    """1 is a clock that sees everything; 0 one that stands. Samples may come at any distance."""

    def __init__(self, window: int = RATE_WINDOW_NS) -> None:
        self._window = window
        self._samples: deque[tuple[int, int]] = deque()

    def sample(self, local: int, observed: int) -> None:
        """`local` is a monotonic clock; the oldest sample kept is just outside of the window, or the first."""
        self._samples.append((local, observed))
        while len(self._samples) > 2 and self._samples[1][0] <= local - self._window:
            self._samples.popleft()

    @property
    def value(self) -> float | None:
        """None while too little has been seen to say."""
        if not self._samples:
            return None
        (first_local, first), (last_local, last) = self._samples[0], self._samples[-1]
        span = last_local - first_local
        return max(0.0, (last - first) / span) if span >= MIN_RATE_SPAN_NS else None

    @property
    def blind(self) -> bool:
        value = self.value
        return value is not None and value < MIN_CLOCK_RATE
