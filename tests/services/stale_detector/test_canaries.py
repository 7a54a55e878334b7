"""Canaries tell what heartbeats cannot: that the broker loses messages. Every replica learns of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import NamedTuple

import asyncpg
import nats as nats_py
import pytest
from makima_kernel.event_log.log import Log
from makima_kernel.nats.message import Message
from makima_kernel.nats.streams import SHARDS, canary, provision
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_stale_detector.domain.shards.observed_clock import SECOND, Timeouts
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.handlers.canaries import LATE_ROUNDS, Canaries
from makima_stale_detector.handlers.heartbeat_consumer import LOSS_HEADER, HeartbeatConsumer
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from tests.background import end
from tests.servers import BUDGET, MakeNats
from tests.services.stale_detector.flowing_detector import TIMEOUTS, Watch, named


class Sending(NamedTuple):
    detector: Detector
    reader: HeartbeatConsumer
    canaries: Canaries


MakeReader = Callable[[Client], Sending]


@pytest.fixture
async def sending() -> AsyncIterator[MakeReader]:
    """Starts canaries of a replica that does not read, and has read the history: it sends on all shards all the time."""
    async with asyncio.TaskGroup() as group:
        running: list[asyncio.Task[None]] = []

        def start(nats: Client) -> Sending:
            detector = Detector(TIMEOUTS, "r1")
            detector.track(Watch().asked().sender, "")
            detector.warmed_up = True
            reader = HeartbeatConsumer(detector, nats)
            made = Sending(detector, reader, Canaries(detector, reader, nats))
            running.append(group.create_task(made.canaries.run()))
            return made

        yield start
        await end(*running)


async def told(nats: Client) -> list[bool]:
    """By shard: whether the newest canary tells of a loss."""
    with suppress(NotFoundError):
        newest = [
            await nats.jetstream().get_last_msg(subjects.HEARTBEATS_STREAM, canary(shard))
            for shard in range(SHARDS)
        ]
        return [LOSS_HEADER in (message.headers or {}) for message in newest]
    return []


async def test_a_refused_canary_is_told_on_every_shard_until_it_was_heard(
    nats: Client, pool: asyncpg.Pool, sending: MakeReader
) -> None:
    await provision(nats, Log(pool), budget=BUDGET)
    _, reader, _ = sending(nats)
    await eventually(lambda: quiet(nats))
    assert reader.loss_at == float("-inf")
    await nats.jetstream().delete_stream(subjects.HEARTBEATS_STREAM)
    await eventually(lambda: reader.loss_at > 0)
    heard = {shard: await nats.subscribe(canary(shard)) for shard in range(SHARDS)}
    await provision(nats, Log(pool), budget=BUDGET)
    for each in heard.values():
        while LOSS_HEADER not in ((await each.next_msg(10)).headers or {}):
            pass
    await eventually(lambda: quiet(nats))


async def quiet(nats: Client) -> bool:
    """Canaries come on every shard, and none tells of a loss."""
    return await told(nats) == [False] * SHARDS


async def test_a_canary_that_is_not_acknowledged_in_time_is_a_loss(
    make_nats: MakeNats, pool: asyncpg.Pool, sending: MakeReader
) -> None:
    broker = await make_nats()
    nats = await nats_py.connect(broker.url)
    await provision(nats, Log(pool), budget=BUDGET)
    _, reader, _ = sending(nats)
    await eventually(lambda: quiet(nats))
    await broker.freeze()
    await eventually(lambda: reader.loss_at > 0)
    broker.thaw()
    await eventually(lambda: quiet(nats))
    await nats.close()


async def test_while_the_history_is_read_no_late_acknowledgement_is_a_loss(
    make_nats: MakeNats, pool: asyncpg.Pool, sending: MakeReader
) -> None:
    """It stands behind the history in the same connection: 100 000 heartbeats made the detector overloaded for ten
    seconds after each start.
    """
    broker = await make_nats()
    nats = await nats_py.connect(broker.url)
    await provision(nats, Log(pool), budget=BUDGET)
    detector, reader, canaries = sending(nats)
    await eventually(lambda: quiet(nats))
    detector.warmed_up = False
    await broker.freeze()
    late = canaries.turn + 2 * LATE_ROUNDS * SHARDS
    await eventually(lambda: canaries.turn > late)
    assert reader.loss_at == float("-inf")
    detector.warmed_up = True
    await eventually(lambda: reader.loss_at > 0)
    broker.thaw()
    await nats.close()


def test_a_replica_that_reads_of_a_loss_stops_counting_silence() -> None:
    watch = Watch()
    watch.track(1)
    watch.hear(1)
    watch.flow(3 * SECOND)
    shard = watch.detector.shards[1]
    before, other = shard.clock.observed, watch.detector.shards[0].clock.observed
    stamp = shard.clock.watermark
    reader = HeartbeatConsumer(watch.detector, Client())
    reader.consume([Message("makima.shards.1.canary", b"", {LOSS_HEADER: "1"}, 1_000, 1, stamp, 0)])
    assert shard.clock.observed == before - TIMEOUTS.loss
    assert watch.detector.shards[0].clock.observed == other
    assert reader.loss_at > 0


def test_while_losses_go_on_nobody_falls_silent_and_the_dead_are_found_after() -> None:
    watch = Watch()
    watch.track(1)
    watch.hear(1)
    for _ in range(20):
        assert watch.flow(SECOND // 2).verdicts == []
        for shard in watch.detector.shards:
            watch.detector.on_loss(shard)
    assert named(watch.flow(TIMEOUTS.timeout + TIMEOUTS.loss).verdicts) == ["supervisor:t1"]


def test_a_fleet_that_saturates_the_broker_each_time_it_beats_is_not_declared_dead() -> None:
    """Once an interval, at the same moment: whoever is dropped is dropped again and again."""
    watch = Watch()
    watch.track(1)
    watch.hear(1)
    for _ in range(20):
        assert watch.flow(TIMEOUTS.interval).verdicts == []
        for shard in watch.detector.shards:
            watch.detector.on_loss(shard)


@pytest.mark.parametrize(
    ("timeout", "interval", "grace", "loss"),
    [(120, 30, 3, 30), (120, 1, 3, 3), (40, 30, 3, 20), (2, 1, 1, 1), (300, 80, 3, 45)],
)
def test_a_loss_costs_an_interval_at_least_a_grace_and_at_most_half_the_shortest_timeout(
    timeout: int, interval: int, grace: int, loss: int
) -> None:
    assert Timeouts(timeout * SECOND, interval * SECOND, grace * SECOND).loss == loss * SECOND
