"""Listens to a core NATS subject: there is no redelivery,
so use it only for data that the next message replaces.
"""

import asyncio
from collections.abc import Callable

from nats.aio.client import Client
from nats.aio.msg import Msg


async def listen(nats: Client, subject: str, take: Callable[[str, bytes], None]) -> None:
    """Calls `take(subject, payload)` for each message, until cancelled.

    `take` must ignore messages it cannot decode.
    """

    async def heard(message: Msg) -> None:
        take(message.subject, message.data)

    subscription = await nats.subscribe(subject, cb=heard)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await subscription.unsubscribe()
