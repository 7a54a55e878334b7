"""What a detector does that is switched off, or told to end."""

import asyncio

import asyncpg
from makima_kernel.commands.client import Bus
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.testing import eventually
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.domain.verdicts.findings import Findings
from makima_stale_detector.handlers.canaries import Canaries
from makima_stale_detector.handlers.detection_loop import DetectionLoop
from makima_stale_detector.handlers.heartbeat_consumer import HeartbeatConsumer
from makima_stale_detector.handlers.maintenance import Maintenances
from makima_stale_detector.handlers.maintenance_turns import MaintenanceTurns
from nats.aio.client import Client

from tests.background import end
from tests.kernel.event_log import append_builders as writing
from tests.services.stale_detector.followed_detector import TIMEOUTS, Stream, alive, following


class Counting(Detector):
    """Counts its ticks, and how many holds it asked for."""

    ticks = holds = 0

    def tick(self) -> Findings:
        found = super().tick()
        self.ticks += 1
        self.holds += len(found.hold_requests)
        return found


async def test_switched_off_it_records_no_hold(database: str, pool: asyncpg.Pool, nats: Client) -> None:
    await provision(nats, Log(pool), budget=0.01)
    await alive(pool, [f"t{number}" for number in range(20)])
    detector = Counting(TIMEOUTS, "r1")
    async with (
        writing.running(database) as appender,
        following(detector, pool, nats) as follower,
        asyncio.TaskGroup() as group,
    ):
        stream = Stream(detector)
        judging = group.create_task(
            DetectionLoop(
                detector,
                follower,
                MaintenanceTurns(Maintenances(Log(pool), appender), follower),
                Bus(nats),
                appender,
                enabled=False,
            ).run()
        )
        stream.pass_by(TIMEOUTS.interval)
        await eventually(lambda: detector.warmed_up)
        stream.pass_by(2 * TIMEOUTS.timeout)
        await eventually(lambda: detector.holds > 0)
        seen = detector.ticks
        await eventually(lambda: detector.ticks > seen + 2)
        await end(judging)
    assert await Log(pool).head() == 0


class Swallowing(Client):
    """A connection on which Python 3.11 loses a cancellation."""

    def __init__(self) -> None:
        super().__init__()
        self.publishing = asyncio.Event()

    async def publish(self, *_arguments: object, **_options: object) -> None:
        if self.publishing.is_set():
            return
        self.publishing.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return


async def test_canaries_end_although_the_cancellation_is_lost(nats_url: str) -> None:
    detector, nats = Detector(TIMEOUTS, "r1"), Swallowing()
    await nats.connect(nats_url)
    task = asyncio.create_task(Canaries(detector, HeartbeatConsumer(detector, nats), nats).run())
    await nats.publishing.wait()
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()
    await nats.close()
