"""What anybody may publish on the heartbeats' stream, and what the detector makes of it."""

import asyncio

import asyncpg
import pytest
from makima_kernel.event_log.log import Log
from makima_kernel.nats.message import Message
from makima_kernel.nats.streams import canary, provision
from makima_kernel.testing import eventually
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.handlers.heartbeat_consumer import HeartbeatConsumer
from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import StreamInfo
from nats.js.client import JetStreamContext

from tests.background import end
from tests.services.stale_detector.heartbeat_samples import SUPERVISOR
from tests.services.stale_detector.simulation import world


@pytest.fixture
def detector() -> Detector:
    return Detector(world().timeouts, "r1")


@pytest.fixture
def reader(detector: Detector) -> HeartbeatConsumer:
    return HeartbeatConsumer(detector, Client())


def message(subject: str, payload: bytes = b"") -> Message:
    return Message(subject, payload, None, 1, 1, 1_767_225_600_000_000_000, 0)


@pytest.mark.parametrize("shard", ["foo", "9", "12", "3x", "", "-1"])
def test_a_shard_that_nobody_knows_is_nobodys(
    reader: HeartbeatConsumer, detector: Detector, shard: str
) -> None:
    reader.consume(
        [
            message(f"makima.shards.{shard}.canary"),
            message(f"makima.shards.{shard}.supervisor.d1.t1", SUPERVISOR),
        ]
    )
    assert set(reader.canary_at.values()) == {float("-inf")}
    assert all(not shard.live and not shard.wheel.beats for shard in detector.shards)


def test_a_task_that_is_called_canary_is_none(reader: HeartbeatConsumer) -> None:
    reader.consume([message("makima.shards.3.supervisor.d1.canary", b"{}")])
    assert reader.canary_at[3] == float("-inf")
    reader.consume([message("makima.shards.3.canary")])
    assert reader.canary_at[3] > float("-inf")


async def test_many_at_once_are_read_in_slices_between_which_others_get_their_turn(
    reader: HeartbeatConsumer, detector: Detector
) -> None:
    turns: list[int] = []

    async def look() -> None:
        while True:
            turns.append(reader.read)
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await reader.take([message("makima.shards.3.canary")] * 2000)
    await end(looking)
    assert {500, 1000, 1500} <= set(turns)


class Deaf(Client):
    """A connection whose broker does not answer at first when it is asked where a stream ends."""

    silent = 2

    def jetstream(self, *arguments: object, **options: object) -> JetStreamContext:
        context = super().jetstream(*arguments, **options)  # pyright: ignore[reportArgumentType, reportCallIssue]
        if options:
            return context  # the pull loop's own, which it looks after itself
        ask = context.stream_info

        async def stream_info(name: str, subjects_filter: str | None = None) -> StreamInfo:
            if self.silent:
                self.silent -= 1
                raise NatsTimeoutError
            return await ask(name, subjects_filter)

        context.stream_info = stream_info
        return context


async def test_a_broker_that_does_not_answer_at_the_start_is_asked_again(
    detector: Detector, pool: asyncpg.Pool, nats: Client, nats_url: str
) -> None:
    await provision(nats, Log(pool), budget=0.01)
    client = Deaf()
    await client.connect(nats_url)
    reader = HeartbeatConsumer(detector, client)
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(reader.run())

        async def flows() -> bool:
            for shard in detector.shards:
                await nats.publish(canary(shard.number), b"")
            return detector.shards.live

        await eventually(flows)
        await end(reading)
    assert client.silent == 0
    assert reader.problem is None
    await client.close()
