"""The connection to NATS that a sender of heartbeats wants: it never gives up, and says nothing stale after an outage."""

import asyncio
from typing import Final

from makima_schemas.addresses import without_credentials
from nats.aio.client import Client

from makima_sdk.problems import UnreachableError

UNLIMITED_RECONNECTS: Final = -1


async def connect(url: str, name: str, *, inbox: str = "_INBOX", timeout: float = 10.0) -> Client:
    """A connection under `name` that reconnects for ever. Raises `UnreachableError` if the first one takes longer than `timeout` seconds.

    `url` may carry credentials (`nats://user:password@host:4222`); they are not repeated in the error. `inbox` is the prefix of
    the inboxes that its user may listen on: a daemon's is its own.
    """
    client = Client()
    try:
        async with asyncio.timeout(timeout):
            await client.connect(
                url,
                name=name,
                inbox_prefix=inbox,
                error_cb=_quiet,
                allow_reconnect=True,
                max_reconnect_attempts=UNLIMITED_RECONNECTS,
                reconnect_time_wait=1,
                ping_interval=10,
                connect_timeout=2,
            )
    except TimeoutError as error:
        raise UnreachableError(without_credentials(url), f"no NATS server within {timeout:g} s") from error
    return client


async def _quiet(error: Exception) -> None:
    """nats-py reports each failed reconnect here; the client goes on trying, and a heart that is not heard tells enough."""
    del error
