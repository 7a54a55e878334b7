"""A heart: one sender's heartbeats, each interval and at once when what it says changes."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
from nats.aio.client import Client
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError

DEFAULT_INTERVAL_SECONDS: Final = 30.0

Compose = Callable[[int, datetime], msgspec.Struct]


class Heartbeater:
    """Beats on `subject` over `nats` (it may be replaced by another connection) every `interval` seconds while `run` runs.

    `compose(seq, timestamp)` makes the body; `seq` counts from 1 within one incarnation. A beat is at most once: one that
    the broker does not get is made up for by the next, so none is buffered while the connection is away.
    """

    def __init__(self, nats: Client, subject: str, compose: Compose, *, interval: float = DEFAULT_INTERVAL_SECONDS) -> None:
        self.interval = interval
        self.seq = 0
        self.nats = nats
        self._subject = subject
        self._compose = compose
        self._changed = asyncio.Event()

    def beat_now(self) -> None:
        """Beat now, and count the interval from now on: what this sender says has changed."""
        self._changed.set()

    async def run(self) -> None:
        """Beat until cancelled. Failures of the broker are waited out.

        Raises `ConnectionClosedError` where the connection is closed for good: a heart that only went on would never be heard again.
        """
        while True:
            if self.nats.is_closed:
                raise ConnectionClosedError
            self._changed.clear()
            await self.beat()
            try:
                async with asyncio.timeout(self.interval):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def beat(self) -> bool:
        """Publish one heartbeat; whether there was a connection to publish it on."""
        if not self.nats.is_connected:
            return False
        self.seq += 1
        body = msgspec.json.encode(self._compose(self.seq, datetime.now(UTC)))
        try:
            await self.nats.publish(self._subject, body)
            await self.nats.flush(timeout=2)
        except (NatsError, OSError, TimeoutError):
            return False
        return True
