"""The NATS connection of heartbeat senders: it reconnects without limit."""

import asyncio
from typing import Final
from urllib.parse import urlsplit

from makima_schemas.addresses import without_credentials
from nats.aio.client import Client

from makima_sdk.problems import UnreachableError

UNLIMITED_RECONNECTS: Final = -1


async def connect(
    url: str,
    name: str,
    *,
    inbox: str = "_INBOX",
    login: tuple[str, str] | None = None,
    timeout: float = 10.0,
) -> Client:
    """Open a connection with the client name `name`; after an outage it reconnects, however long that takes.

    `url` may carry credentials (`nats://user:password@host:4222`); they are left out of the error. `inbox` is
    the prefix of the reply subjects that the NATS user may subscribe to: each daemon has its own. `login` is a
    user and its password, for a `url` without credentials.

    Raises `UnreachableError` if the first connection takes longer than `timeout` seconds.
    """
    client = Client()
    user, password = (None, None) if login is None or urlsplit(url).username else login
    try:
        async with asyncio.timeout(timeout):
            await client.connect(
                url,
                name=name,
                user=user,
                password=password,
                inbox_prefix=inbox,
                error_cb=_quiet,
                allow_reconnect=True,
                max_reconnect_attempts=UNLIMITED_RECONNECTS,
                reconnect_time_wait=1,
                ping_interval=10,
                connect_timeout=5,
            )
    except TimeoutError as error:
        raise UnreachableError(without_credentials(url), f"no NATS server within {timeout:g} s") from error
    return client


async def _quiet(error: Exception) -> None:
    """nats-py reports each failed reconnect; ignore it, as the client keeps trying and the recorder notices
    the missing heartbeats.
    """
    del error
