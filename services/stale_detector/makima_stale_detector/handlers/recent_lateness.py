"""How late the verdicts of the last minute came."""

from collections import deque
from collections.abc import Callable
from math import ceil
from time import monotonic
from typing import Final

from makima_kernel.telemetry import metrics

WINDOW_SECONDS: Final = 60.0
MAX_VERDICTS: Final = 10_000  # the newest; a mass silence has more


class RecentLateness:
    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, float]] = deque(maxlen=MAX_VERDICTS)

    def add(self, milliseconds: float) -> None:
        metrics.verdict_lateness.observe(milliseconds / 1000)
        self._seen.append((self._clock(), milliseconds))

    def p99(self) -> float | None:
        """Milliseconds; None: there was no verdict in the last minute."""
        begins = self._clock() - WINDOW_SECONDS
        while self._seen and self._seen[0][0] < begins:
            self._seen.popleft()
        found = sorted(milliseconds for _, milliseconds in self._seen)
        return found[ceil(len(found) * 0.99) - 1] if found else None
