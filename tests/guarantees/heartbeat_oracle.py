"""What the broker has stored of the heartbeats: the truth that verdicts are compared with, whoever was slow
in telling it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from makima_schemas import subjects
from makima_schemas.silence import SilenceDetected
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

STEP: Final = timedelta(
    milliseconds=250
)  # the most that counts between two messages of a shard: a longer pause is nobody's silence
ROUNDING: Final = timedelta(milliseconds=2)  # the client tells a stored message's time as a float
PATIENCE: Final = 20.0
BATCH: Final = 500
KINDS: Final = ("supervisor", "agent", "daemon")


@dataclass(frozen=True)
class StoredHeartbeats:
    """Broker times: of all messages by shard, and of each sender's heartbeats, whatever they say."""

    shards: dict[str, list[datetime]]
    beats: dict[str, list[datetime]]
    shard_of: dict[str, str]

    def flowed(self, shard: str, since: datetime, until: datetime) -> timedelta:
        """How much of the time between the two the shard was seen to flow: also up to `until`, if something
        came on it after.
        """
        steps = [
            (max(earlier, since), min(later, until))
            for earlier, later in pairwise(self.shards[shard])
            if earlier < until and later > since
        ]
        return sum((min(max(later - earlier, timedelta(0)), STEP) for earlier, later in steps), timedelta(0))

    def flowed_everywhere(self, since: datetime) -> timedelta:
        return min(
            (self.flowed(shard, since, datetime.max.replace(tzinfo=UTC)) for shard in self.shards),
            default=timedelta(0),
        )

    def flowed_since_heard(self, verdict: SilenceDetected) -> timedelta:
        """How long its shard flowed and nothing of the sender came, when it was judged."""
        until, sender = verdict.evidence.watermark + ROUNDING, verdict.sender_id
        heard = [time for time in self.beats[sender] if time <= until]
        since = heard[-1] if heard else datetime.min.replace(tzinfo=UTC)
        shards = [self.shard_of[sender]] if sender in self.shard_of else list(self.shards)
        return max((self.flowed(shard, since, until) for shard in shards), default=timedelta(0))

    def justifies(self, verdict: SilenceDetected) -> bool:
        return (
            self.flowed_since_heard(verdict) >= timedelta(seconds=verdict.evidence.timeout_seconds) - ROUNDING
        )

    def longest_pause(self, senders: Iterable[str]) -> timedelta:
        """How much of its shard flowed between two heartbeats of one of these."""
        pauses = (
            self.flowed(self.shard_of[sender], earlier, later)
            for sender in senders
            for earlier, later in pairwise(self.beats[sender])
            if later - earlier > STEP
        )
        return max(pauses, default=timedelta(0))

    def silence(self, sender: str) -> timedelta:
        """How much its shard has flowed since the last heartbeat of the sender."""
        return self.flowed(self.shard_of[sender], self.beats[sender][-1], datetime.max.replace(tzinfo=UTC))

    def silent(self, verdicts: Iterable[SilenceDetected]) -> set[str]:
        """Who was declared dead, and was not heard since."""
        last = {verdict.sender_id: verdict.evidence.watermark + ROUNDING for verdict in verdicts}
        return {
            sender for sender, judged in last.items() if not any(time > judged for time in self.beats[sender])
        }

    def declared_twice(self, verdicts: Iterable[SilenceDetected]) -> list[SilenceDetected]:
        """The verdicts that follow another one, and no heartbeat in between."""
        of = defaultdict[str, list[SilenceDetected]](list)
        for verdict in verdicts:
            of[verdict.sender_id].append(verdict)
        return [
            later
            for sender, told in of.items()
            for earlier, later in pairwise(told)
            if not any(
                earlier.evidence.watermark + ROUNDING < time <= later.evidence.watermark
                for time in self.beats[sender]
            )
        ]


@dataclass
class Reader:
    """Reads what was stored since it last read; what the broker has lost since stays in `found`."""

    found: StoredHeartbeats = field(
        default_factory=lambda: StoredHeartbeats(defaultdict(list), defaultdict(list), {})
    )
    sequence: int = 0  # the last one that it read
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def begin_anew(self) -> None:
        """The stream is another one, whose sequences begin at 1, or will be."""
        self.sequence = 0

    async def read(self, nats: Client) -> StoredHeartbeats:
        async with self.one_at_a_time:
            return await self._read(nats)

    async def _read(self, nats: Client) -> StoredHeartbeats:
        jetstream = nats.jetstream(timeout=PATIENCE)
        state = (await jetstream.stream_info(subjects.HEARTBEATS_STREAM)).state
        if state.messages == 0 or state.last_seq <= self.sequence:
            return self.found
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self.sequence + 1,
            ack_policy=AckPolicy.NONE,
            mem_storage=True,
        )
        # A push consumer of nats-py begins again when a message comes before it is ready for it.
        reading = await jetstream.pull_subscribe(">", stream=subjects.HEARTBEATS_STREAM, config=config)
        read = 0
        while self.sequence < state.last_seq:
            for message in await reading.fetch(BATCH, timeout=PATIENCE):
                read += 1
                of_consumer, self.sequence = (
                    message.metadata.sequence.consumer,
                    message.metadata.sequence.stream,
                )
                assert of_consumer == read, f"message {read} was lost before {self.sequence}"
                self._note(message.subject, message.metadata.timestamp)
        await reading.unsubscribe()
        return self.found

    def _note(self, subject: str, time: datetime) -> None:
        _, _, shard, kind, *names = subject.split(".")
        self.found.shards[shard].append(time)
        if kind in KINDS:
            sender = ":".join(names[1:]) if kind == "agent" else names[-1]
            self.found.beats[sender].append(time)
            self.found.shard_of[sender] = shard


async def stored(nats: Client) -> StoredHeartbeats:
    """All that the stream holds now."""
    return await Reader().read(nats)
