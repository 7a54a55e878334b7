"""Compares the events' stream with the log position by position, by the ids of the events."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, cast
from uuid import uuid4

from makima_schemas import subjects
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, Header
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from makima_kernel.event_log.log import Log

_API_TIMEOUT_SECONDS: Final = 2.0  # seconds per request to the broker
_POSITIONS_PER_BATCH: Final = 500  # positions that are read at once
_CONSUMER_KEPT_SECONDS: Final = 10.0  # the broker deletes a consumer that nobody asked for so long


@dataclass(frozen=True, slots=True)
class Difference:
    """A position where stream and log hold different events."""

    position: int
    in_stream: str | None  # the message's id; None: it has none, or there is no message
    in_log: str  # the event's id


async def first_difference(nats: Client, log: Log, after: int, through: int) -> Difference | None:
    """The first position above `after`, up to `through`, whose message is not the log's event; None if all
    are equal. Positions that the stream or the log has given up (retention, archive) are not compared.

    Raises the errors of nats-py and asyncpg.
    """
    jetstream = nats.jetstream(timeout=_API_TIMEOUT_SECONDS)
    first = (await jetstream.stream_info(subjects.EVENTS_STREAM)).state.first_seq
    after = max(after, first - 1)
    async with aclosing(_ids(jetstream, after, through)) as batches:
        async for in_stream in batches:
            for position, in_log in await log.ids(after, min(_POSITIONS_PER_BATCH, through - after)):
                if position > after + len(in_stream):
                    break
                found = in_stream[position - after - 1]
                if found != str(in_log):
                    return Difference(position, found, str(in_log))
            after += len(in_stream)
    return None


async def _ids(jetstream: JetStreamContext, after: int, through: int) -> AsyncGenerator[list[str | None]]:
    """The ids of the messages after sequence `after`, up to `through`: one for each sequence, in order."""
    if after >= through:
        return
    config = ConsumerConfig(
        name=f"compare-{uuid4().hex[:12]}",
        ack_policy=AckPolicy.NONE,
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=after + 1,
        headers_only=True,
        mem_storage=True,
        num_replicas=1,
        inactive_threshold=_CONSUMER_KEPT_SECONDS,
    )
    made = await jetstream.add_consumer(subjects.EVENTS_STREAM, config)
    reader = await jetstream.pull_subscribe_bind(consumer=made.name, stream=subjects.EVENTS_STREAM)
    try:
        while after < through:
            messages = await reader.fetch(
                min(_POSITIONS_PER_BATCH, through - after), timeout=_API_TIMEOUT_SECONDS
            )
            ids = {message.metadata.sequence.stream: _id(message) for message in messages}
            last = min(max(ids), through)
            # A sequence without a message was deleted, or its delivery was lost: ask for it.
            yield [ids[at] if at in ids else await _id_at(jetstream, at) for at in range(after + 1, last + 1)]
            after = last
    except NatsTimeoutError:
        if await _id_at(jetstream, after + 1) is not None:
            raise  # the consumer was lost
        yield [None]
    finally:
        await reader.unsubscribe()


def _id(message: Msg) -> str | None:
    return (message.headers or {}).get(Header.MSG_ID)


async def _id_at(jetstream: JetStreamContext, sequence: int) -> str | None:
    """The id of one message; None if there is no message at this sequence."""
    try:
        message = await jetstream.get_msg(subjects.EVENTS_STREAM, sequence)
    except NotFoundError:
        return None
    return (cast("dict[str, str] | None", message.headers) or {}).get(Header.MSG_ID)
