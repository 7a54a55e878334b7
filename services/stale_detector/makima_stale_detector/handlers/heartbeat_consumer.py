"""Reads the heartbeats of all shards, in order, and feeds the detector. This is the hot path."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from time import monotonic
from typing import Final

import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.nats.message import Message
from makima_kernel.nats.pull_loop import PullLoop
from makima_kernel.nats.stream_cursor import Ephemeral
from makima_schemas import subjects
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import DeliverPolicy

from makima_stale_detector.domain.members.heartbeat import read
from makima_stale_detector.domain.verdicts.detector import Detector

SHARD: Final = len("makima.shards.")  # where the shard's number stands in a subject: one digit and a dot
PULL_BATCH_MESSAGES: Final = (
    4000  # asked for in advance, twice: where processors are scarce an answer takes 50 ms, and 30 000/s are to flow all the same
)
SLICE_MESSAGES: Final = 500  # about 5 ms of work: a tick must not wait longer for it
PULL_LINGER_SECONDS: Final = 0.01  # seconds; a batch costs as much as ten messages, and a verdict may come that much later
CONSUMER_RETRY_SECONDS: Final = 0.5
CANARY: Final = ".canary"


class HeartbeatConsumer:
    """One consumer for all shards: a process that reads them all would pay for eight, and so would the broker. Each shard keeps a clock of
    its own. `seen_at` and `canary_at` are local monotonic seconds by shard, for the canaries and for readiness only.
    """

    def __init__(self, detector: Detector, nats: Client) -> None:
        self._detector, self._nats = detector, nats
        # The newest per sender first, then everything: one consumer does both, so nothing falls in between. No filter: a broker
        # that has to match one looks for it message by message, and nothing but shards is in this stream.
        cursor = Ephemeral("detector", deliver=DeliverPolicy.LAST_PER_SUBJECT)
        self._pull = PullLoop(nats, subjects.HEARTBEATS_STREAM, cursor, batch=PULL_BATCH_MESSAGES, linger=PULL_LINGER_SECONDS)
        self._epoch = ""
        self._by_digit = {f"{shard.number}.": shard for shard in detector.shards}
        self._problem: str | None = None
        self.seen_at = dict.fromkeys(range(len(detector.shards)), float("-inf"))
        self.canary_at = dict(self.seen_at)
        self.read = 0

    @property
    def problem(self) -> str | None:
        return self._pull.problem or self._problem

    @property
    def behind(self) -> int:
        """How many messages the broker still held for us when it sent the last one."""
        return self._pull.lag

    async def run(self) -> None:
        async with aclosing(self._pull.batches()) as batches:
            async for batch in batches:
                if self._pull.stream_epoch != self._epoch:
                    await self._begin()
                await self.take(batch)

    async def take(self, batch: Sequence[Message]) -> None:
        """In slices, between which ticks and answers get their turn."""
        for first in range(0, len(batch), SLICE_MESSAGES):
            self.consume(batch[first : first + SLICE_MESSAGES])
            await asyncio.sleep(0)

    async def _begin(self) -> None:
        """What the stream holds by now is history; from here on it flows."""
        live_from = await self._end() + 1
        self._epoch = self._pull.stream_epoch
        for shard in self._detector.shards:
            self._detector.begin(shard, self._epoch, live_from)
        structlog.get_logger().info("detector.begins", live_from=live_from, stream_epoch=self._epoch)

    async def _end(self) -> int:
        """The last sequence of the stream, from a broker that answers sooner or later."""
        while True:
            raise_if_cancelled()
            try:
                info = await self._nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)
            except (NatsError, OSError, TimeoutError) as error:
                self._problem = f"where the stream ends is not known: {error!r}"
                await asyncio.sleep(CONSUMER_RETRY_SECONDS)
            else:
                self._problem = None
                return info.state.last_seq

    def consume(self, batch: Sequence[Message]) -> None:
        hear, shards, now = self._detector.on_heartbeat, self._by_digit, monotonic()
        for message in batch:
            subject, sequence, stamp = message.subject, message.sequence, message.timestamp_ns
            shard = shards.get(subject[SHARD : SHARD + 2])
            if shard is None:  # whoever may publish canaries may name any shard
                continue
            if shard.live:
                shard.clock.advance(stamp)
            else:
                shard.consumed(sequence, stamp)
            spoken = read(subject, message.payload, message.headers)
            if spoken is not None:
                hear(shard, spoken, sequence, stamp)
            elif subject[SHARD + 1 :] == CANARY:
                self.canary_at[shard.number] = self.seen_at[shard.number] = now
        self.read += len(batch)
