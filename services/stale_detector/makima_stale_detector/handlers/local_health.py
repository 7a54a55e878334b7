"""Measures how well this replica follows heartbeats and log: health, metrics, stale scanner."""

import asyncio
from time import monotonic, monotonic_ns, time
from typing import Final

import structlog
from makima_kernel.telemetry import metrics

from makima_stale_detector.domain.shards.clock_rate import MIN_CLOCK_RATE
from makima_stale_detector.domain.shards.observed_clock import SECOND
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.handlers.heartbeat_consumer import HeartbeatConsumer
from makima_stale_detector.handlers.log_follower import LogFollower

HEALTH_SAMPLE_SECONDS: Final = 1.0
# On the local clock, without a canary on a shard; they come at least every second.
SHARD_SILENT_SECONDS: Final = 3.0
# On the local clock, after a loss: the broker counts as overloaded.
OVERLOADED_SECONDS: Final = 10.0
MAX_BACKLOG_HEARTBEATS: Final = 30_000  # about one second of the highest load


class LocalHealth:
    def __init__(self, detector: Detector, reader: HeartbeatConsumer, follower: LogFollower) -> None:
        self._detector, self._reader, self._follower = detector, reader, follower
        metrics.exported(metrics.detector_score).set_function(lambda: self.score or 0.0)
        metrics.exported(metrics.tracked_senders).set_function(lambda: len(detector.tracked))
        metrics.exported(metrics.ingest_watermark_age).labels("stale_detector").set_function(
            self.watermark_age
        )

    async def run(self) -> None:
        """Sample the observed clocks every second, so that their rate over a minute can be computed; log when
        an overload begins and ends.
        """
        overloaded = False
        while True:
            if overloaded != self.overloaded:
                overloaded = not overloaded
                event = "detector.overloaded" if overloaded else "detector.overload_ended"
                structlog.get_logger().warning(event)
            now = monotonic_ns()
            for shard in self._detector.shards:
                shard.rate.sample(now, shard.clock.observed)
            await asyncio.sleep(HEALTH_SAMPLE_SECONDS)

    @property
    def score(self) -> float | None:
        """The clock rate of the slowest shard (0 to 1); None while no shard has enough samples."""
        rates = [shard.rate.value for shard in self._detector.shards]
        return min((rate for rate in rates if rate is not None), default=None)

    def watermark_age(self) -> float:
        """Age of the watermark in seconds, against the local wall clock; 0 while not live. A metric, never
        used for verdicts.
        """
        return (
            max(0.0, time() - self._detector.shards.watermark / SECOND)
            if self._detector.shards.watermark
            else 0.0
        )

    def problem(self) -> str | None:
        """Why this replica does not see every heartbeat now; None if it does."""
        return self.incomplete() or self.obscured()

    def incomplete(self) -> str | None:
        """Why this replica, perhaps alone, has not read everything; None if it has."""
        if self._follower.problem is not None:
            return self._follower.problem
        if self._reader.problem is not None:
            return self._reader.problem
        if not self._detector.warmed_up:
            return "reading the history of heartbeats"
        behind = self._reader.behind
        return f"{behind} heartbeats behind" if behind > MAX_BACKLOG_HEARTBEATS else None

    def obscured(self) -> str | None:
        """Why what the broker gives may not be everything, to all replicas; None if it is."""
        if not self._detector.warmed_up:
            return None  # no canary was read yet
        blind = self._standing() or self._blind()
        return "; ".join(reason for reason in (self._overloaded(), blind) if reason is not None) or None

    @property
    def overloaded(self) -> bool:
        """True if the broker did not store a canary in time, of any replica, in the last ten seconds."""
        return monotonic() - self._reader.loss_at < OVERLOADED_SECONDS

    def _overloaded(self) -> str | None:
        return (
            "overloaded: the broker refuses canaries or is late with them, so heartbeats may be lost;"
            " that time counts as nobody's silence"
            if self.overloaded
            else None
        )

    def _standing(self) -> str | None:
        now = monotonic()
        standing = [
            number for number, seen in self._reader.seen_at.items() if now - seen > SHARD_SILENT_SECONDS
        ]
        if not standing:
            return None
        shards = ", ".join(map(str, standing))
        return f"blind: no canary received on shard {shards} for {SHARD_SILENT_SECONDS:g} s"

    def _blind(self) -> str | None:
        score = self.score
        return (
            f"blind: the observed clock runs at {score:.0%}"
            if score is not None and score < MIN_CLOCK_RATE
            else None
        )
