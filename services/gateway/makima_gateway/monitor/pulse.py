"""What the monitor tells every client once a second, so that a page can tell quiet from cut off: a `Tick`."""

import asyncio
from collections import deque
from datetime import UTC, datetime
from time import monotonic
from typing import Final

import orjson
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_schemas.times import rfc3339
from nats.errors import Error as NatsError

from makima_gateway.monitor.subscriptions import SubscriptionIndex
from makima_gateway.system.holds import DETECTOR, DetectorHold, holds
from makima_gateway.system.replicas import Replicas, SeenReplica

TICK_INTERVAL_SECONDS: Final = 1.0
DETECTOR_INTERVAL_SECONDS: Final = 5.0  # between two questions to the detectors, while anybody listens
MAX_HEADS: Final = 3600  # heads of the log that are remembered, each with when it was first seen


class Pulse:
    """Notes each second where the log ends. Subscribers send a `Tick` when `tick` has risen."""

    def __init__(self, log: Log, replicas: Replicas, subscriptions: SubscriptionIndex) -> None:
        self._log, self._replicas, self._subscriptions = log, replicas, subscriptions
        # (when it was first seen, on the monotonic clock; position), ascending
        self._heads: deque[tuple[float, int]] = deque(maxlen=MAX_HEADS)
        self._known_at = monotonic()  # when the log's end was last read
        self._away = False  # the last look at the log failed
        self._watermark_age: float | None = None  # seconds
        self._holds: list[DetectorHold] | None = None  # None: no detector answers
        self.tick = 0

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._ask_detectors(), name="monitor detectors")
            while True:
                await self._read_head()
                self.tick += 1
                self._subscriptions.notify_all()
                await asyncio.sleep(TICK_INTERVAL_SECONDS)

    def message(self, position: int) -> str:
        """A `Tick`, as JSON, for a client that was told everything up to `position`."""
        now = monotonic()
        if self._away:
            head, lag = None, now - self._known_at
        else:
            head, lag = self._heads[-1][1] if self._heads else position, self._lag(position, now)
        return orjson.dumps(
            {
                "type": "Tick",
                "position": position,
                "head": head,
                "timestamp": rfc3339(datetime.now(UTC)),
                "lag_ms": round(lag * 1000),
                "watermark_age_ms": None
                if self._watermark_age is None
                else max(0, round(self._watermark_age * 1000)),
                "verdicts_held": None if self._holds is None else len(self._holds),
                "verdicts_held_until": self._held_until(),
            }
        ).decode()

    def _lag(self, position: int, now: float) -> float:
        """For how many seconds the log has had an event behind `position`."""
        since = now
        for seen_at, head in reversed(self._heads):
            if head <= position:
                break
            since = seen_at
        return now - since

    async def _read_head(self) -> None:
        try:
            async with asyncio.timeout(TICK_INTERVAL_SECONDS):
                head = await self._log.head()
        except (*DATABASE_UNAVAILABLE, TimeoutError):
            self._away = True
            return
        self._away, self._known_at = False, monotonic()
        if self._heads and head < self._heads[-1][1]:
            self._heads.clear()  # another log
        if not self._heads or head > self._heads[-1][1]:
            self._heads.append((self._known_at, head))

    async def _ask_detectors(self) -> None:
        while True:
            if len(self._subscriptions):
                try:
                    self._note(await self._replicas.now())
                except (NatsError, OSError):
                    self._watermark_age = self._holds = None
            await asyncio.sleep(DETECTOR_INTERVAL_SECONDS)

    def _note(self, seen: list[SeenReplica]) -> None:
        figures = [
            one.answer.figures for one in seen if one.answer.service == DETECTOR and not one.silent_seconds
        ]
        ages = [age for each in figures if isinstance(age := each.get("watermark_age_seconds"), int | float)]
        self._watermark_age = max(ages, default=None)
        self._holds = holds(seen) if figures else None

    def _held_until(self) -> str | None:
        """The end of the hold that lasts longest, as far as it is known."""
        ends = [hold.until for hold in self._holds or () if hold.until is not None]
        return rfc3339(max(ends)) if ends else None
