"""Where a pull loop starts in a stream, and how it is made again: its owner keeps the place, the broker nothing."""

from dataclasses import dataclass
from typing import Final, Protocol
from uuid import uuid4

from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamState
from nats.js.client import JetStreamContext

EPOCH_KEY: Final = "makima-epoch"  # metadata of a stream: which incarnation its sequences belong to
_API_TIMEOUT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """The messages that a loop reads: those of `stream` that match one of `filters` (none: all)."""

    nats: Client
    stream: str
    filters: tuple[str, ...]

    @property
    def jetstream(self) -> JetStreamContext:
        return self.nats.jetstream(timeout=_API_TIMEOUT_SECONDS)


class Cursor(Protocol):
    async def open(self, target: Target, state: StreamState, after: int) -> str:
        """Makes a consumer that delivers what follows sequence `after` (0: from where this cursor starts); its name."""
        ...

    def forget(self) -> None:
        """The stream is another one now: its sequences mean nothing to us."""
        ...


@dataclass(slots=True)
class Ephemeral:
    """In order, without acknowledgements: the owner keeps its place. Starts behind sequence `after`, or as `deliver` says."""

    name: str
    after: int = 0
    deliver: DeliverPolicy = DeliverPolicy.BY_START_SEQUENCE

    async def open(self, target: Target, state: StreamState, after: int) -> str:
        name = f"{self.name}-{uuid4().hex[:12]}"
        config = _config(name, target.filters or (">",)).evolve(
            ack_policy=AckPolicy.NONE, mem_storage=True, num_replicas=1, inactive_threshold=30.0
        )
        if self.deliver is DeliverPolicy.NEW:  # the end of the stream as it is now: a later opening must not skip what came between
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
