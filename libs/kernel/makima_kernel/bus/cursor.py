"""Where a pull loop's place in a stream is kept: by its owner (ephemeral), or by the broker (durable)."""

from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import uuid4

import orjson
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamState
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

EPOCH_KEY: Final = "makima-epoch"  # metadata of a stream: which incarnation its sequences belong to
_API_TIMEOUT: Final = 5.0
_FOREVER: Final = 3600.0


class SupersededError(RuntimeError):
    """Another process has taken over this durable; a zombie must not go on."""


@dataclass(frozen=True, slots=True)
class Target:
    """The messages that a loop reads: those of `stream` that match one of `filters` (none: all)."""

    nats: Client
    stream: str
    filters: tuple[str, ...]

    @property
    def jetstream(self) -> JetStreamContext:
        return self.nats.jetstream(timeout=_API_TIMEOUT)


class Cursor(Protocol):
    @property
    def acknowledges(self) -> bool: ...

    async def open(self, target: Target, state: StreamState, after: int) -> str:
        """Makes a consumer that delivers what follows sequence `after` (0: from where this cursor starts); its name."""
        ...

    def acknowledged(self, sequence: int) -> None: ...

    def forget(self) -> None:
        """The stream is another one now: its sequences mean nothing to us."""
        ...


@dataclass(slots=True)
class Ephemeral:
    """In order, without acknowledgements: the owner keeps its place. Starts behind sequence `after`, or as `deliver` says."""

    name: str
    after: int = 0
    deliver: DeliverPolicy = DeliverPolicy.BY_START_SEQUENCE
    acknowledges: bool = field(default=False, init=False)

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

    def acknowledged(self, sequence: int) -> None:
        raise TypeError(f"{self.name} reads without acknowledgements; {sequence} needs none")

    def forget(self) -> None:
        self.after = 0


@dataclass(slots=True)
class Durable:
    """At least once, in order: the broker keeps the place of whoever reads under `name`, acknowledged up to a message.

    Acknowledging all up to a message is only right if none of them was lost on its way — and a broker delivers newer
    ones first while those that a dead connection had in flight wait for their redelivery. So every start, and every
    lost delivery, makes a *new generation* of the consumer behind the last acknowledged message, then removes the older
    ones; that also fences off a replica which still reads the old one.
    """

    name: str
    acknowledges: bool = field(default=True, init=False)
    _generation: int = field(default=0, init=False)
    _floor: int = field(default=0, init=False)

    async def open(self, target: Target, state: StreamState, after: int) -> str:
        del state, after  # what was handed out but not acknowledged comes again; the loop drops it
        generations = await _generations(target, self.name)
        newest = max(generations, default=0)
        if self._generation and newest > self._generation:
            raise SupersededError(f"{self._named(self._generation)} on {target.stream} was taken over by {self._named(newest)}")
        self._floor = max(self._floor, await _acknowledged_floor(target, self._named(newest)) if newest else 0)
        config = _config(self._named(newest + 1), target.filters).evolve(
            ack_policy=AckPolicy.ALL,
            ack_wait=_FOREVER,
            max_ack_pending=-1,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._floor + 1,
        )
        await target.jetstream.add_consumer(target.stream, config.evolve(durable_name=config.name))
        self._generation = newest + 1
        for generation in generations:
            await _remove(target, self._named(generation))
        return self._named(self._generation)

    def acknowledged(self, sequence: int) -> None:
        self._floor = max(self._floor, sequence)

    def forget(self) -> None:
        self._generation = self._floor = 0

    def _named(self, generation: int) -> str:
        return f"{self.name}-{generation}"


def _config(name: str, filters: tuple[str, ...]) -> ConsumerConfig:
    config = ConsumerConfig(name=name)
    match filters:
        case ():
            return config
        case (single,):
            return config.evolve(filter_subject=single)
        case _:
            return config.evolve(filter_subjects=list(filters))


async def _generations(target: Target, name: str) -> list[int]:
    prefix, found, offset = f"{name}-", list[int](), 0
    while True:
        reply = await target.nats.request(f"$JS.API.CONSUMER.NAMES.{target.stream}", orjson.dumps({"offset": offset}), timeout=_API_TIMEOUT)
        page = orjson.loads(reply.data)
        names: list[str] = page.get("consumers") or []
        found += [int(each.removeprefix(prefix)) for each in names if each.startswith(prefix) and each.removeprefix(prefix).isdigit()]
        offset += len(names)
        if not names or offset >= page["total"]:
            return found


async def _acknowledged_floor(target: Target, consumer: str) -> int:
    try:
        floor = (await target.jetstream.consumer_info(target.stream, consumer)).ack_floor
    except NotFoundError:
        return 0
    return floor.stream_seq if floor else 0


async def _remove(target: Target, consumer: str) -> None:
    try:
        await target.jetstream.delete_consumer(target.stream, consumer)
    except NotFoundError:
        return
