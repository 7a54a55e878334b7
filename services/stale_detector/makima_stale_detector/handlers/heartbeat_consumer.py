"""Reads heartbeats of all shards in stream order and passes them to the detector (hot path)."""

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
from makima_stale_detector.domain.verdicts.unregistered import UnregisteredSenders

SHARD: Final = len("makima.shards.")  # index of the shard number in a subject: one digit and a dot
PULL_BATCH_MESSAGES: Final = (
    # Per pull request, two in flight: on a machine short of CPU a reply takes 50 ms, and 30 000 messages/s
    # must flow even then.
    4000
)
SLICE_MESSAGES: Final = 500  # about 5 ms of work: a tick of the detection loop must not wait longer
# A batch costs as much as ten messages; the price is a verdict that is 10 ms later.
PULL_LINGER_SECONDS: Final = 0.01
CONSUMER_RETRY_SECONDS: Final = 0.5
CANARY: Final = ".canary"
MAX_UNREGISTERED: Final = 5_000
# On a canary: the broker refused one before it, or was late with one, so heartbeats may have been lost.
LOSS_HEADER: Final = "Makima-Loss"


class HeartbeatConsumer:
    """One JetStream consumer for all shards; each shard has its own observed clock.

    Every replica reads all shards, and eight consumers would cost it and the broker eight times the overhead.
    """

    def __init__(self, detector: Detector, nats: Client, *, max_unregistered: int = MAX_UNREGISTERED) -> None:
        """`max_unregistered`: how many senders of one daemon are remembered that no event registers."""
        self._detector, self._nats = detector, nats
        self._unregistered = UnregisteredSenders(detector.tracked, max_unregistered)
        # Delivers the newest message per subject first, then all new messages. A single consumer does both,
        # so that none is missed in between. No subject filter: the stream contains only shards, and matching
        # costs the broker per message.
        cursor = Ephemeral("detector", deliver=DeliverPolicy.LAST_PER_SUBJECT)
        self._pull = PullLoop(
            nats,
            subjects.HEARTBEATS_STREAM,
            cursor,
            batch=PULL_BATCH_MESSAGES,
            linger=PULL_LINGER_SECONDS,
            marks_losses=True,
        )
        self._epoch = ""  # incarnation of the stream that the detector was started with
        self._by_digit = {f"{shard.number}.": shard for shard in detector.shards}
        self._problem: str | None = None
        # By shard, local monotonic seconds at which a canary was last read; for readiness, not for verdicts.
        self.seen_at = dict.fromkeys(range(len(detector.shards)), float("-inf"))
        # The same, for deciding whether a canary has to be sent.
        self.canary_at = dict(self.seen_at)
        # Local monotonic seconds at which heartbeats may have been lost last; for readiness, not for verdicts.
        self.loss_at = float("-inf")
        self.read = 0  # messages read since the start
        self.sequence = 0  # in the stream, of the last message read

    @property
    def problem(self) -> str | None:
        """Why heartbeats are not being read; None if they are."""
        return self._pull.problem or self._problem

    @property
    def behind(self) -> int:
        """How many messages were still pending for this consumer when the broker sent the last one."""
        return self._pull.lag

    async def run(self) -> None:
        async with aclosing(self._pull.batches()) as batches:
            async for batch in batches:
                if self._pull.stream_epoch != self._epoch:
                    await self._begin()
                await self.take(batch)

    async def take(self, batch: Sequence[Message]) -> None:
        """Consume a batch in slices, yielding in between so that ticks and replies are not delayed."""
        for first in range(0, len(batch), SLICE_MESSAGES):
            self.consume(batch[first : first + SLICE_MESSAGES])
            await asyncio.sleep(0)

    async def _begin(self) -> None:
        """Start all shards anew: messages that the stream contains now are history, later ones are live."""
        live_from = await self._end() + 1
        self._epoch = self._pull.stream_epoch
        for shard in self._detector.shards:
            self._detector.begin(shard, self._epoch, live_from)
        structlog.get_logger().info("detector.begins", live_from=live_from, stream_epoch=self._epoch)

    async def _end(self) -> int:
        """The stream's last sequence. Retries until the broker answers."""
        while True:
            raise_if_cancelled()
            try:
                info = await self._nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)
            except (NatsError, OSError, TimeoutError) as error:
                self._problem = f"the end of the stream cannot be read: {error!r}"
                await asyncio.sleep(CONSUMER_RETRY_SECONDS)
            else:
                self._problem = None
                return info.state.last_seq

    def note_loss(self) -> None:
        """The broker did not store a canary in time."""
        self.loss_at = monotonic()

    def consume(self, batch: Sequence[Message]) -> None:
        """Advance the shards' clocks by each message and pass heartbeats to the detector. Does not yield."""
        on_heartbeat, shards, now = self._detector.on_heartbeat, self._by_digit, monotonic()
        tracked, admits = self._detector.tracked, self._unregistered.admits
        for message in batch:
            subject, sequence, stamp = message.subject, message.sequence, message.timestamp_ns
            shard = shards.get(subject[SHARD : SHARD + 2])
            # A client that may publish canaries can name any shard, also one that does not exist.
            if shard is None:
                continue
            if shard.live:
                shard.clock.advance(stamp)
            else:
                shard.consumed(sequence, stamp)
            source = read(subject, message.payload, message.headers)
            if source is not None:
                if source[0] in tracked or admits(shard, source[0], subject):
                    on_heartbeat(shard, source, sequence, stamp)
            elif subject[SHARD + 1 :] == CANARY:
                self.canary_at[shard.number] = self.seen_at[shard.number] = now
                if message.headers is not None and LOSS_HEADER in message.headers:
                    self.note_loss()
                    self._detector.on_loss(shard)
        self.read += len(batch)
        self.sequence = batch[-1].sequence if batch else self.sequence
