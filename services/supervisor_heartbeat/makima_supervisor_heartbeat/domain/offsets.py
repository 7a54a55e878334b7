"""From where a recorder goes on: behind what its shards have in the database, in the incarnation of the stream that is there now."""

from collections.abc import Mapping
from dataclasses import dataclass

from makima_kernel.nats.message import Message


@dataclass(frozen=True, slots=True)
class Offset:
    """Up to where a shard is recorded: its sequence counts in the stream's incarnation `stream_epoch`."""

    stream_epoch: str
    sequence: int


@dataclass(frozen=True, slots=True)
class StartOffset:
    """Read behind `after`; the shards in `ahead` are recorded further, up to the given sequence, in `stream_epoch`."""

    stream_epoch: str
    after: int
    ahead: Mapping[int, int]

    def unrecorded(self, messages: list[Message], stream_epoch: str) -> list[Message]:
        """Those that are not in the database yet."""
        if not self.ahead or stream_epoch != self.stream_epoch or messages[0].sequence > max(self.ahead.values()):
            return messages
        return [message for message in messages if message.sequence > self.ahead.get(_shard(message), 0)]


def start_offset_of(places: Mapping[int, Offset], stream_epoch: str, last_sequence: int) -> StartOffset:
    """`places` are those of the recorder's shards; `last_sequence` is the stream's.

    A broker that lost power has forgotten its last messages and gives their sequences out again: what is recorded beyond its end
    says nothing about those.
    """
    reached = {shard: place.sequence if place.stream_epoch == stream_epoch else 0 for shard, place in places.items()}
    after = min(*reached.values(), last_sequence)
    return StartOffset(stream_epoch, after, {shard: sequence for shard, sequence in reached.items() if after < sequence <= last_sequence})


def _shard(message: Message) -> int:
    """-1 where somebody published into a shard that is none."""
    token = message.subject.split(".")[2]
    return int(token) if token.isdecimal() else -1
