"""The loop that sends heartbeats ends when it is cancelled, whatever the client of the broker makes of that."""

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import cast

import msgspec
from makima_kernel.testing import PATIENCE
from makima_schemas.heartbeat import DaemonHeartbeat
from makima_sdk.heartbeater import Heartbeater
from nats.aio.client import Client

SLOW_SECONDS = 3600.0  # an interval that no test lives to see


class Flushing:
    """A connection whose flush drops a cancellation, as `wait_for` does before Python 3.12 when both come at once."""

    is_closed, is_connected = False, True

    def __init__(self) -> None:
        self.waits = asyncio.Event()

    async def publish(self, _subject: str, _body: bytes) -> None: ...

    async def flush(self, timeout: float) -> None:
        assert timeout > 0
        self.waits.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


def beat(seq: int, timestamp: datetime) -> msgspec.Struct:
    return DaemonHeartbeat("d1", "a-host", seq, timestamp, (), 0, 0)


async def test_one_that_is_cancelled_while_it_beats_ends_before_its_next_heartbeat() -> None:
    """A daemon that was stopped went on for up to an interval."""
    connection = Flushing()
    heart = Heartbeater(
        cast("Client", connection), "makima.heartbeats.daemon.d1", beat, interval=SLOW_SECONDS
    )
    beating = asyncio.create_task(heart.run())
    await connection.waits.wait()
    beating.cancel()
    _, late = await asyncio.wait({beating}, timeout=PATIENCE)
    assert not late
