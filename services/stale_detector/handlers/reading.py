"""Reads the heartbeats, each shard in its own order, and feeds the detector. This is the hot path."""

from collections.abc import Sequence
from contextlib import aclosing
from time import monotonic
from typing import Final

import structlog
from makima_kernel.bus.cursor import Ephemeral
from makima_kernel.bus.message import Message
from makima_kernel.bus.pull import PullLoop
from makima_kernel.bus.topology import shard_filter
from makima_schemas import subjects
from nats.aio.client import Client
from nats.js.api import DeliverPolicy

from services.stale_detector.domain.detector import Detector
from services.stale_detector.domain.heartbeats import read
from services.stale_detector.domain.shard import Shard

BATCH: Final = 500  # about 5 ms of work: a tick must not wait longer for it
CANARY: Final = ".canary"


class Reader:
    """One shard. `seen_at` and `canary_at` are local monotonic seconds, for the canaries and for readiness only."""

    def __init__(self, detector: Detector, shard: Shard, nats: Client) -> None:
        self._detector, self._shard, self._nats = detector, shard, nats
        # The newest per sender first, then everything: one consumer does both, so nothing falls in between.
        cursor = Ephemeral(f"detector-{shard.number}", deliver=DeliverPolicy.LAST_PER_SUBJECT)
        self._pull = PullLoop(nats, subjects.HEARTBEATS_STREAM, cursor, filters=(shard_filter(shard.number),), batch=BATCH)
        self.seen_at = self.canary_at = float("-inf")
        self.read = 0

    @property
    def problem(self) -> str | None:
        return self._pull.problem

    @property
    def behind(self) -> int:
        """How many messages the broker still held for us when it sent the last one."""
        return self._pull.lag

    async def run(self) -> None:
        async with aclosing(self._pull.batches()) as batches:
            async for batch in batches:
                if self._pull.stream_epoch != self._shard.epoch:
                    await self._begin()
                self.consume(batch)

    async def _begin(self) -> None:
        """What the stream holds by now is history; from here on it flows."""
        info = await self._nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)
        self._detector.begin(self._shard, self._pull.stream_epoch, info.state.last_seq + 1)
        structlog.get_logger().info("detector.shard_begins", shard=self._shard.number, live_from=info.state.last_seq + 1)

    def consume(self, batch: Sequence[Message]) -> None:
        detector, shard, advance = self._detector, self._shard, self._shard.clock.advance
        for message in batch:
            sequence, stamp = message.sequence, message.timestamp_ns
            if shard.live:
                advance(stamp)
            else:
                shard.consumed(sequence, stamp)
            spoken = read(message.subject, message.payload)
            if spoken is not None:
                detector.hear(shard, spoken, sequence, stamp)
            elif message.subject.endswith(CANARY):
                self.canary_at = monotonic()
        self.read += len(batch)
        self.seen_at = monotonic()
