"""A broker that lost its newest messages, as after a power loss, and gives their sequences out again."""

import asyncio
import os
from contextlib import aclosing

from makima_kernel.nats.message import Message
from makima_kernel.nats.pull_loop import PullLoop
from makima_kernel.nats.stream_cursor import EPOCH_KEY, Ephemeral
from makima_kernel.testing import PATIENCE, eventually
from nats.aio.client import Client
from nats.js.api import StreamConfig

from tests.background import end

# Of this process alone, as a broker may be shared.
NUMBERS = f"lost-{os.getpid()}"
STREAM = NUMBERS.upper()


async def publish(nats: Client, first: int, last: int) -> None:
    for number in range(first, last + 1):
        await nats.jetstream().publish(f"{NUMBERS}.0", str(number).encode(), timeout=PATIENCE)


async def test_a_stream_that_lost_its_newest_messages_begins_one_epoch_for_all_who_read_it(
    nats: Client,
) -> None:
    """As after a power loss of the broker, which then gives their sequences out again."""
    jetstream = nats.jetstream()
    config = StreamConfig(name=STREAM, subjects=[f"{NUMBERS}.*"], metadata={EPOCH_KEY: "e"})
    await jetstream.add_stream(config)
    await publish(nats, 1, 5)
    readers = [PullLoop(nats, STREAM, Ephemeral("reader"), tick=0.05, marks_losses=True) for _ in range(2)]
    got: list[list[Message]] = [[], []]

    async def read(loop: PullLoop, into: list[Message]) -> None:
        async with aclosing(loop.batches()) as batches:
            async for batch in batches:
                into += batch

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(read(loop, into)) for loop, into in zip(readers, got, strict=True)]
        await eventually(lambda: all(len(each) == 5 for each in got))
        await jetstream.delete_stream(STREAM)
        await jetstream.add_stream(config)
        await eventually(lambda: all(loop.stream_epoch == "e~1" for loop in readers))
        await publish(nats, 6, 7)
        await eventually(lambda: all(len(each) == 7 for each in got))
        await end(*tasks)
    assert [[int(each.payload) for each in read] for read in got] == [[1, 2, 3, 4, 5, 6, 7]] * 2
    assert ((await jetstream.stream_info(STREAM)).config.metadata or {})[EPOCH_KEY] == "e~1"
