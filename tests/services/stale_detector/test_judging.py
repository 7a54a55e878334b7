"""What a detector does that is told to end."""

import asyncio

from nats.aio.client import Client

from services.stale_detector.domain.detector import Detector
from services.stale_detector.handlers.canaries import Canaries
from services.stale_detector.handlers.reading import Reader
from tests.services.stale_detector.test_following import TIMEOUTS


class Swallowing(Client):
    """A connection on which Python 3.11 loses a cancellation."""

    def __init__(self) -> None:
        super().__init__()
        self.publishing = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        return True

    async def publish(self, *_arguments: object, **_options: object) -> None:
        if self.publishing.is_set():
            return
        self.publishing.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return


async def test_canaries_end_although_the_cancellation_is_lost() -> None:
    detector, nats = Detector(TIMEOUTS, "r1"), Swallowing()
    task = asyncio.create_task(Canaries(detector, Reader(detector, nats), nats).run())
    await nats.publishing.wait()
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()
