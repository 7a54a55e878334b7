"""Computes the stream sequence from which a recorder continues, from the recorded offsets of its shards."""

from collections.abc import Mapping
from dataclasses import dataclass

from makima_kernel.nats.message import Message
from makima_schemas.evidence import same_stream


@dataclass(frozen=True, slots=True)
class Offset:
    """Up to where a shard is recorded: a row of the table `watermarks`."""

    stream_epoch: str  # incarnation of the stream that the sequence belongs to
    sequence: int  # last recorded stream sequence


@dataclass(frozen=True, slots=True)
class StartOffset:
    """Where a recorder starts to read. Its shards may be recorded up to different sequences."""

    stream_epoch: str
    # Read messages after this stream sequence: the lowest of the shards' offsets, at most the stream's end.
    after: int
    ahead: Mapping[int, int]  # last recorded sequence of each shard that is recorded beyond `after`

    def unrecorded(self, messages: list[Message], stream_epoch: str) -> list[Message]:
        """The messages that are not in the database yet. `messages` are in stream order and not empty."""
        if (
            not self.ahead
            or stream_epoch != self.stream_epoch
            or messages[0].sequence > max(self.ahead.values())
        ):
            return messages
        return [message for message in messages if message.sequence > self.ahead.get(_shard(message), 0)]


def start_offset_of(places: Mapping[int, Offset], stream_epoch: str, last_sequence: int) -> StartOffset:
    """The start offset for the shards in `places` (at least one), in a stream that ends at `last_sequence`.

    Offsets of another incarnation of the stream count as 0. After a power loss the broker may have lost its
    last messages and assigns their sequences again. Offsets beyond `last_sequence` are therefore not trusted:
    reading starts at the end of the stream at the latest.
    """
    reached = {
        shard: place.sequence if same_stream(place.stream_epoch, stream_epoch) else 0
        for shard, place in places.items()
    }
    after = min(*reached.values(), last_sequence)
    return StartOffset(
        stream_epoch,
        after,
        {shard: sequence for shard, sequence in reached.items() if after < sequence <= last_sequence},
    )


def _shard(message: Message) -> int:
    """The shard number in the message's subject; -1 if it is not a number (an invalid shard)."""
    token = message.subject.split(".")[2]
    return int(token) if token.isdecimal() else -1
