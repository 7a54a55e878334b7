"""Core NATS, heard as long as the process runs, and who is woken by it: telemetry, so nothing is asked for again."""

import asyncio
from collections.abc import Callable

from nats.aio.client import Client
from nats.aio.msg import Msg


async def hear(nats: Client, subject: str, take: Callable[[str, bytes], None]) -> None:
    """Until cancelled. `take` is given the subject and the payload of each message, and passes over what it cannot read."""

    async def heard(message: Msg) -> None:
        take(message.subject, message.data)

    subscription = await nats.subscribe(subject, cb=heard)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await subscription.unsubscribe()


class Sleepers:
    """Who waits for news. An event that is set already costs nothing: who is busy finds all of it when it looks again."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()

    def wake(self, event: asyncio.Event) -> None:
        """Set it at each news, until `leave`."""
        self._waiting.add(event)

    def leave(self, event: asyncio.Event) -> None:
        self._waiting.discard(event)

    def wake_all(self) -> None:
        for event in self._waiting:
            event.set()
