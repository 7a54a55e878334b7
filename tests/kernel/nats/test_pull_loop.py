"""The pull loop reads everything once, in order, whatever happens to the broker, its consumer or its
connection.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import pairwise
from uuid import uuid4

import pytest
from makima_kernel.nats.connection import BrokerUnreachableError, connect
from makima_kernel.nats.message import Message
from makima_kernel.nats.pull_loop import PullLoop
from makima_kernel.nats.stream_cursor import Ephemeral
from makima_kernel.testing import PATIENCE, eventually
from nats.aio.client import Client
from nats.js.api import DeliverPolicy, StreamConfig

from tests.servers import MakeNats, closed

NUMBERS, STREAM = "numbers", "NUMBERS"


@pytest.fixture(autouse=True)
def names_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """For each test: nothing that an earlier one left in the broker is read by it."""
    name = f"numbers-{uuid4().hex[:8]}"
    monkeypatch.setitem(globals(), "NUMBERS", name)
    monkeypatch.setitem(globals(), "STREAM", name.upper())


@pytest.fixture
async def stream(nats: Client) -> Client:
    await nats.jetstream().add_stream(StreamConfig(name=STREAM, subjects=[f"{NUMBERS}.*"]))
    return nats


async def publish(nats: Client, first: int, last: int) -> None:
    """Until the stream has them all: it acknowledges the last one, where a flush would only say that the
    server has heard of it.
    """
    for number in range(first, last):
        await nats.publish(f"{NUMBERS}.{number % 3}", str(number).encode())
    await nats.jetstream().publish(f"{NUMBERS}.{last % 3}", str(last).encode(), timeout=PATIENCE)


async def collect(loop: PullLoop, count: int, timeout: float = PATIENCE) -> list[Message]:
    got: list[Message] = []
    async with asyncio.timeout(timeout), aclosing(loop.batches()) as batches:
        async for batch in batches:
            got += batch
            if len(got) >= count:
                return got
    return got


def numbers(messages: list[Message]) -> list[int]:
    return [int(message.payload) for message in messages]


async def test_it_hands_out_everything_in_order_with_its_place_and_the_brokers_time(stream: Client) -> None:
    await publish(stream, 1, 5000)
    got = await collect(PullLoop(stream, STREAM, Ephemeral("reader"), batch=700), 5000)
    assert numbers(got) == list(range(1, 5001))
    assert [message.sequence for message in got] == list(range(1, 5001))
    assert got[0].subject == f"{NUMBERS}.1"
    assert got[-1].pending == 0
    assert all(earlier.timestamp_ns <= later.timestamp_ns for earlier, later in pairwise(got))


async def test_it_starts_behind_a_sequence_and_keeps_to_its_filter(stream: Client) -> None:
    await publish(stream, 1, 30)
    got = await collect(PullLoop(stream, STREAM, Ephemeral("reader", after=10), filters=(f"{NUMBERS}.0",)), 7)
    assert numbers(got) == [12, 15, 18, 21, 24, 27, 30]


async def test_several_filters_are_one_ordered_reading(stream: Client) -> None:
    await publish(stream, 1, 9)
    got = await collect(
        PullLoop(stream, STREAM, Ephemeral("reader"), filters=(f"{NUMBERS}.0", f"{NUMBERS}.1")), 6
    )
    assert numbers(got) == [1, 3, 4, 6, 7, 9]


async def test_it_can_start_from_the_last_message_of_each_subject(stream: Client) -> None:
    await publish(stream, 1, 30)
    loop = PullLoop(stream, STREAM, Ephemeral("reader", deliver=DeliverPolicy.LAST_PER_SUBJECT))
    assert numbers(await collect(loop, 3)) == [28, 29, 30]


async def test_with_a_tick_it_reports_quiet(stream: Client) -> None:
    async with (
        asyncio.timeout(PATIENCE),
        aclosing(PullLoop(stream, STREAM, Ephemeral("reader"), tick=0.02).batches()) as batches,
    ):
        assert await anext(batches) == []
        assert await anext(batches) == []


async def test_with_a_linger_it_waits_for_a_fuller_batch(stream: Client) -> None:
    loop = PullLoop(stream, STREAM, Ephemeral("reader"), batch=4, linger=10 * PATIENCE)
    async with asyncio.timeout(PATIENCE), aclosing(loop.batches()) as batches:
        first = asyncio.ensure_future(anext(batches))
        await publish(stream, 1, 2)
        await publish(stream, 3, 4)
        assert numbers(await first) == [1, 2, 3, 4]


async def test_messages_near_the_size_limit_come_through_a_few_at_a_time(stream: Client) -> None:
    for number in range(40):
        await stream.jetstream().publish(f"{NUMBERS}.0", number.to_bytes(1) * 1_000_000)
    loop, sizes = PullLoop(stream, STREAM, Ephemeral("reader")), list[int]()
    async with asyncio.timeout(PATIENCE), aclosing(loop.batches()) as batches:
        while sum(sizes) < 40:
            sizes.append(len(await anext(batches)))
    assert sum(sizes) == 40
    assert max(sizes) <= 2 * 16, "no more than two requests are on their way"


async def test_stopping_hands_out_what_has_arrived_and_ends(stream: Client) -> None:
    await publish(stream, 1, 10)
    loop = PullLoop(stream, STREAM, Ephemeral("reader"), batch=4)
    got: list[Message] = []
    async with asyncio.timeout(PATIENCE):
        async for batch in loop.batches():
            got += batch
            loop.stop()
    assert numbers(got) == list(range(1, len(got) + 1))


async def test_a_deleted_consumer_is_made_again_behind_what_was_read(stream: Client) -> None:
    loop = PullLoop(stream, STREAM, Ephemeral("reader"))
    await publish(stream, 1, 10)
    got: list[Message] = []
    async with asyncio.timeout(PATIENCE), aclosing(loop.batches()) as batches:
        got += await anext(batches)
        await stream.jetstream().delete_consumer(STREAM, loop.consumer or "")
        await publish(stream, 11, 20)
        while len(got) < 20:
            got += await anext(batches)
    assert numbers(got) == list(range(1, 21))


@pytest.mark.parametrize("how", ["kill", "freeze", "stop"])
async def test_nothing_is_lost_or_doubled_when_the_broker_goes_and_comes_back(
    make_nats: MakeNats, how: str
) -> None:
    server = await make_nats()
    nats, writer = (
        await connect(server.url, "reader", on_closed=closed),
        await connect(server.url, "writer", on_closed=closed),
    )
    await nats.jetstream().add_stream(StreamConfig(name=STREAM, subjects=[f"{NUMBERS}.*"]))
    await publish(writer, 1, 500)
    loop = PullLoop(nats, STREAM, Ephemeral("reader"), batch=100)
    got: list[Message] = []
    async with asyncio.timeout(PATIENCE), aclosing(loop.batches()) as batches:
        while len(got) < 200:
            got += await anext(batches)
        async with asyncio.TaskGroup() as group:
            group.create_task(read_until(batches, got, 1000))
            match how:
                case "kill":
                    await server.kill()
                    await server.start()
                case "freeze":
                    await server.freeze()
                    await eventually(lambda: loop.problem)
                    server.thaw()
                case _:
                    await server.restart()
            await eventually(lambda: writer.is_connected)
            await publish(writer, 501, 1000)
    assert numbers(got) == list(range(1, 1001))
    await nats.close()
    await writer.close()


async def read_until(batches: AsyncGenerator[list[Message]], got: list[Message], count: int) -> None:
    while len(got) < count:
        got += await anext(batches)


async def test_a_stream_that_was_lost_and_made_again_is_read_from_its_start_under_a_new_epoch(
    stream: Client,
) -> None:
    jetstream = stream.jetstream()
    await publish(stream, 1, 50)
    loop = PullLoop(stream, STREAM, Ephemeral("reader"))
    async with asyncio.timeout(PATIENCE), aclosing(loop.batches()) as batches:
        got: list[Message] = []
        while len(got) < 50:
            got += await anext(batches)
        before = loop.stream_epoch
        await jetstream.delete_stream(STREAM)
        await jetstream.add_stream(StreamConfig(name=STREAM, subjects=[f"{NUMBERS}.*"]))
        await publish(stream, 1, 5)
        while len(got) < 55:
            got += await anext(batches)
    assert numbers(got) == [*range(1, 51), 1, 2, 3, 4, 5]
    assert loop.stream_epoch != before


async def test_what_came_before_a_stream_was_made_again_is_handed_out_first_under_its_own_epoch(
    stream: Client,
) -> None:
    """It lies in the buffer, waiting for more; the sequences of the new stream begin again."""
    jetstream = stream.jetstream()
    loop = PullLoop(stream, STREAM, Ephemeral("reader"), batch=1000, linger=1.0)
    got: list[tuple[str, list[int]]] = []
    async with asyncio.timeout(PATIENCE), aclosing(loop.batches()) as batches:
        first = asyncio.ensure_future(anext(batches))
        await eventually(lambda: loop.consumer)
        before = loop.stream_epoch
        await publish(stream, 1, 5)
        await eventually(lambda: loop._buffer)  # pyright: ignore[reportPrivateUsage] - that it has arrived shows nowhere else
        await jetstream.delete_stream(STREAM)
        await jetstream.add_stream(StreamConfig(name=STREAM, subjects=[f"{NUMBERS}.*"]))
        await publish(stream, 101, 103)
        got.append((loop.stream_epoch, numbers(await first)))
        assert loop.stream_epoch == before
        while sum(len(batch) for _, batch in got) < 8:
            batch = numbers(await anext(batches))
            got.append((loop.stream_epoch, batch))
    assert [number for epoch, batch in got if epoch == before for number in batch] == [1, 2, 3, 4, 5]
    assert [number for epoch, batch in got if epoch != before for number in batch] == [101, 102, 103]


async def test_a_missing_stream_is_a_problem_that_is_told_and_ends_when_it_is_made(nats: Client) -> None:
    loop = PullLoop(nats, STREAM, Ephemeral("reader"))
    async with asyncio.timeout(PATIENCE), aclosing(loop.batches()) as batches:
        arriving = asyncio.ensure_future(anext(batches))
        await eventually(lambda: "stream not found" in (loop.problem or ""))
        await nats.jetstream().add_stream(StreamConfig(name=STREAM, subjects=[f"{NUMBERS}.*"]))
        await publish(nats, 1, 3)
        assert numbers(await arriving)[0] == 1
        assert loop.problem is None


async def test_the_owner_of_a_connection_is_told_when_it_is_closed_for_good(nats_url: str) -> None:
    told = asyncio.Event()

    async def on_closed() -> None:
        told.set()

    connection = await connect(nats_url, "test", on_closed=on_closed)
    await connection.close()
    assert told.is_set()


async def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(BrokerUnreachableError, match=r"nats://127\.0\.0\.1:1 within 0\.3 s") as caught:
        await connect("nats://user:secret@127.0.0.1:1", "test", on_closed=closed, timeout=0.3)
    assert "secret" not in str(caught.value)
