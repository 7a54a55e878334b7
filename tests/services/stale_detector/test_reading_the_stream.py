"""What anybody may publish on the heartbeats' stream, and what the detector makes of it."""

import asyncio

import pytest
from makima_kernel.bus.message import Message
from nats.aio.client import Client

from services.stale_detector.domain.detector import Detector
from services.stale_detector.handlers.reading import Reader
from tests.services.stale_detector.test_detector import world
from tests.services.stale_detector.test_senders import SUPERVISOR


@pytest.fixture
def detector() -> Detector:
    return Detector(world().timeouts, "r1")


@pytest.fixture
def reader(detector: Detector) -> Reader:
    return Reader(detector, Client())


def message(subject: str, payload: bytes = b"") -> Message:
    return Message(subject, payload, None, 1, 1, 1_767_225_600_000_000_000, 0)


@pytest.mark.parametrize("shard", ["foo", "9", "12", "3x", "", "-1"])
def test_a_shard_that_nobody_knows_is_nobodys(reader: Reader, detector: Detector, shard: str) -> None:
    reader.consume([message(f"makima.shards.{shard}.canary"), message(f"makima.shards.{shard}.supervisor.d1.t1", SUPERVISOR)])
    assert set(reader.canary_at.values()) == {float("-inf")}
    assert all(not shard.live and not shard.wheel.beats for shard in detector.shards)


def test_a_task_that_is_called_canary_is_none(reader: Reader) -> None:
    reader.consume([message("makima.shards.3.supervisor.d1.canary", b"{}")])
    assert reader.canary_at[3] == float("-inf")
    reader.consume([message("makima.shards.3.canary")])
    assert reader.canary_at[3] > float("-inf")


async def test_many_at_once_are_read_in_slices_between_which_others_get_their_turn(reader: Reader, detector: Detector) -> None:
    turns: list[int] = []

    async def look() -> None:
        while True:
            turns.append(reader.read)
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await reader.take([message("makima.shards.3.canary")] * 2000)
    looking.cancel()
    assert {500, 1000, 1500} <= set(turns)
