"""Listens to a core NATS subject: no redelivery, so only for what the next message replaces."""

import asyncio
from collections.abc import Callable

from nats.aio.client import Client
from nats.aio.msg import Msg


async def listen(nats: Client, subject: str, take: Callable[[str, bytes], None]) -> None:
    """Until cancelled. `take` is given the subject and the payload of each message, and passes over what it cannot read."""

    async def heard(message: Msg) -> None:
        take(message.subject, message.data)

    subscription = await nats.subscribe(subject, cb=heard)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await subscription.unsubscribe()
