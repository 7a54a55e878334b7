"""Publishes one sender's heartbeats: at each interval, and at once when their content changes."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
from nats.aio.client import Client
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError

DEFAULT_INTERVAL_SECONDS: Final = 30.0


def raise_if_cancelled() -> None:
    """Raises `CancelledError` if this task was cancelled but still runs: before Python 3.12, `asyncio.wait_for`,
    which nats-py's flush uses, drops a cancellation that comes with its result (bpo-37658).
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


Compose = Callable[[int, datetime], msgspec.Struct]


class Heartbeater:
    """Publishes a heartbeat on `subject` every `interval` seconds while `run` runs.

    `compose(seq, timestamp)` returns the body; `seq` counts from 1 within one incarnation of the sender (one
    process start). Delivery is at most once: heartbeats are not buffered while the connection is down,
    because the next one replaces a lost one.
    """

    def __init__(
        self, nats: Client, subject: str, compose: Compose, *, interval: float = DEFAULT_INTERVAL_SECONDS
    ) -> None:
        self.interval = interval  # seconds
        self.seq = 0  # number of the last heartbeat that was published or tried
        self.nats = nats  # a caller may replace it by a new connection, as `Daemon` does
        self._subject = subject
        self._compose = compose
        self._changed = asyncio.Event()  # set when the content changed: ends the wait for the next interval

    def beat_now(self) -> None:
        """Make `run` publish a heartbeat at once, because its content changed; the interval starts anew."""
        self._changed.set()

    async def run(self) -> None:
        """Publish heartbeats until cancelled. Goes on through outages of the broker, as the connection
        reconnects.

        Raises `ConnectionClosedError` if the connection is closed for good, as it would never send again.
        """
        while True:
            raise_if_cancelled()
            if self.nats.is_closed:
                raise ConnectionClosedError
            self._changed.clear()
            await self.beat()
            raise_if_cancelled()  # here too: the wait is long
            try:
                async with asyncio.timeout(self.interval):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def beat(self) -> bool:
        """Publish one heartbeat. Returns False if there was no connection, or the broker did not confirm it
        in 2 s.
        """
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
