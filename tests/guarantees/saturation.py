"""A broker with a small ingest queue, and who fills it: what comes meanwhile is dropped without a word."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from makima_local import ports
from makima_schemas import subjects
from makima_schemas.heartbeat import DaemonHeartbeat

from tests.servers import MakeNats, OwnNats

QUEUE = 16  # messages
BURST = 400  # heartbeats in one write, of which most find the queue full
PAUSE = 0.01  # seconds


async def small_queue(make_nats: MakeNats) -> OwnNats:
    """A broker that holds only few messages that are not stored yet."""
    broker = await make_nats()
    broker.ingest = QUEUE
    await broker.kill()
    await broker.start()
    return broker


@dataclass
class Flood:
    sent: int = 0


@asynccontextmanager
async def flooding(broker: OwnNats, daemon_id: str) -> AsyncGenerator[Flood]:
    """Heartbeats of this daemon in bursts, by core publishes, for as long as the block lasts."""
    reader, writer = await asyncio.open_connection(ports.LOOPBACK, broker.port)
    await reader.readline()
    beat = msgspec.json.encode(DaemonHeartbeat(daemon_id, "host", 1, datetime.now(UTC)))
    line = f"PUB {subjects.daemon_heartbeat(daemon_id)} {len(beat)}\r\n".encode() + beat + b"\r\n"
    writer.write(b'CONNECT {"verbose":false}\r\n')
    flood = Flood()

    async def pour() -> None:
        while True:
            writer.write(line * BURST)
            flood.sent += BURST
            await writer.drain()
            await asyncio.sleep(PAUSE)

    async with asyncio.TaskGroup() as group:
        pouring = group.create_task(pour())
        yield flood
        pouring.cancel()
    writer.close()
