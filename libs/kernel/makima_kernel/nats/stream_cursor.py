"""Creates the consumers of a pull loop, at its start and after each failure;
the client keeps the position, not the broker.
"""

from dataclasses import dataclass
from typing import Final, Protocol
from uuid import uuid4

from makima_schemas.evidence import following_epoch
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamInfo, StreamState
from nats.js.client import JetStreamContext

EPOCH_KEY: Final = "makima-epoch"  # metadata of a stream: which incarnation its sequences belong to
_API_TIMEOUT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """What a pull loop reads: the messages of `stream` that match one of `filters` (none: all)."""

    nats: Client
    stream: str
    filters: tuple[str, ...]

    @property
    def jetstream(self) -> JetStreamContext:
        return self.nats.jetstream(timeout=_API_TIMEOUT_SECONDS)


class Cursor(Protocol):
    """Decides where in a stream to start."""

    async def open(self, target: Target, state: StreamState, after: int) -> str:
        """Creates a consumer that delivers the messages after sequence `after`; returns its name.

        With `after` 0 it delivers from this cursor's start. `state` is the stream's present state.
        """
        ...

    def forget(self) -> None:
        """Called when the stream was replaced by another one:
        sequences of the old one are meaningless now.
        """
        ...


@dataclass(slots=True)
class Ephemeral:
    """Creates ephemeral ordered consumers without acknowledgements; the caller remembers its position."""

    name: str  # prefix of the consumers' names
    after: int = 0  # start after this sequence
    deliver: DeliverPolicy = DeliverPolicy.BY_START_SEQUENCE  # where to start if `after` is 0

    async def open(self, target: Target, state: StreamState, after: int) -> str:
        name = f"{self.name}-{uuid4().hex[:12]}"
        config = _config(name, target.filters or (">",)).evolve(
            ack_policy=AckPolicy.NONE, mem_storage=True, num_replicas=1, inactive_threshold=30.0
        )
        # NEW means the stream's end as of the first call.
        # Later consumers must not skip messages that came since then.
        if self.deliver is DeliverPolicy.NEW:
            self.deliver, self.after = DeliverPolicy.BY_START_SEQUENCE, state.last_seq
        after = max(after, self.after)
        if after or self.deliver is DeliverPolicy.BY_START_SEQUENCE:
            config = config.evolve(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after + 1)
        else:
            config = config.evolve(deliver_policy=self.deliver)
        await target.jetstream.add_consumer(target.stream, config)
        return name

    def forget(self) -> None:
        self.after = 0


def _config(name: str, filters: tuple[str, ...]) -> ConsumerConfig:
    config = ConsumerConfig(name=name)
    match filters:
        case ():
            return config
        case (single,):
            return config.evolve(filter_subject=single)
        case _:
            return config.evolve(filter_subjects=list(filters))


def epoch_of(info: StreamInfo) -> str:
    """The incarnation of a stream that its sequences belong to."""
    return (info.config.metadata or {}).get(EPOCH_KEY) or str(info.created)


async def begin_epoch(target: Target, info: StreamInfo) -> str:
    """Give the stream the next epoch, because it lost its newest messages; returns it.

    Whoever sees the same loss writes the same epoch.
    """
    following = following_epoch(epoch_of(info))
    metadata = {**(info.config.metadata or {}), EPOCH_KEY: following}
    await target.jetstream.update_stream(info.config.evolve(metadata=metadata))
    return following
