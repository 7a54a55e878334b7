"""Vital signs of the last hour, one value a minute, held in memory: charts of a page are full at its first visit.

What this process cannot know is null: minutes before it started, lateness where nobody was declared silent.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final, Literal, get_args

from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from nats.errors import Error as NatsError

SeriesName = Literal["heartbeats", "verdict_lateness_p99", "events", "projection_lag"]
NAMES: Final[tuple[SeriesName, ...]] = get_args(SeriesName)
STEP_SECONDS: Final = 60
KEPT_STEPS: Final = 60
SAMPLE_SECONDS: Final = 5.0  # between two looks; the minute that is not over has a value too

Values = dict[SeriesName, float | None]


@dataclass(frozen=True, slots=True)
class Sample:
    """What is seen at one moment. `heartbeats` and `events` count up; null: not known."""

    heartbeats: int
    events: int | None
    projection_lag: float | None  # events
    verdict_lateness_p99: float | None  # milliseconds, of the last minute


@dataclass(slots=True)
class _Minute:
    number: int  # minutes since 1970
    began: float  # on the monotonic clock
    first: Sample
    values: Values = field(default_factory=dict[SeriesName, float | None])

    def add(self, sample: Sample, now: float) -> None:
        """Rates of the minute so far; of a lag and a lateness the worst that was seen."""
        seconds = max(now - self.began, 0.001)
        self.values["heartbeats"] = (sample.heartbeats - self.first.heartbeats) / seconds
        if sample.events is not None and self.first.events is not None:
            self.values["events"] = max(sample.events - self.first.events, 0) / seconds
        self._worst("projection_lag", sample.projection_lag)
        self._worst("verdict_lateness_p99", sample.verdict_lateness_p99)

    def _worst(self, name: SeriesName, value: float | None) -> None:
        if value is not None:
            self.values[name] = max(value, self.values.get(name) or 0.0)


class SystemSeries:
    """The last `KEPT_STEPS` minutes, oldest first."""

    def __init__(self) -> None:
        self._minutes: deque[_Minute] = deque(maxlen=KEPT_STEPS)
        self._last: tuple[float, Sample] | None = None

    def add(self, at: datetime, now: float, sample: Sample) -> None:
        """`at` tells the minute; `now` is the monotonic clock, by which rates are made."""
        number = int(at.timestamp()) // STEP_SECONDS
        if not self._minutes or number > self._minutes[-1].number:
            began, first = self._last or (now, sample)
            self._minutes.append(_Minute(number, began, first))
        if self._last is not None:
            self._minutes[-1].add(sample, now)
        self._last = now, sample

    def values(self, at: datetime, name: SeriesName, steps: int) -> list[float | None]:
        """The last `steps` minutes up to that of `at`."""
        last = int(at.timestamp()) // STEP_SECONDS
        known = {minute.number: minute.values.get(name) for minute in self._minutes}
        return [known.get(number) for number in range(last - steps + 1, last + 1)]

    @staticmethod
    def begins(at: datetime, steps: int) -> datetime:
        """When the first of the last `steps` minutes began."""
        last = int(at.timestamp()) // STEP_SECONDS * STEP_SECONDS
        return datetime.fromtimestamp(last, UTC) - timedelta(seconds=STEP_SECONDS * (steps - 1))

    async def run(self, observe: Callable[[], Awaitable[Sample]]) -> None:
        """Until cancelled. A look that fails leaves its place empty."""
        while True:
            try:
                sample = await observe()
            except (*DATABASE_UNAVAILABLE, NatsError, TimeoutError):
                pass
            else:
                self.add(datetime.now(UTC), monotonic(), sample)
            await asyncio.sleep(SAMPLE_SECONDS)
