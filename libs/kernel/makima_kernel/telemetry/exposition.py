"""The metrics of this process as Prometheus reads them: made at most once a second, whoever asks."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
# Shorter than any interval at which somebody scrapes; a gauge's function may ask the disk.
KEPT_SECONDS: Final = 1.0


class Exposition:
    """`read()` may be called from any thread. Who asks while another builds waits for that one's text: nobody
    needs a token for it, and the text of a busy gateway takes 10 ms of the processor.
    """

    def __init__(
        self,
        build: Callable[[], bytes] = generate_latest,
        *,
        kept: float = KEPT_SECONDS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._build, self._kept, self._clock = build, kept, clock
        self._lock = threading.Lock()
        self._made: tuple[float, bytes] | None = None  # when, and what

    def read(self) -> bytes:
        """The text, at most `kept` seconds old."""
        with self._lock:
            if self._made is None or self._clock() - self._made[0] >= self._kept:
                self._made = self._clock(), self._build()
            return self._made[1]
