"""A broker with a small ingest queue, and who fills it: what comes meanwhile is dropped without a word."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import msgspec
from makima_kernel.testing import PATIENCE
from makima_local import ports
from makima_schemas import subjects
from makima_schemas.heartbeat import DaemonHeartbeat

from tests.background import end
from tests.plain_http import plain_client
from tests.servers import MakeNats, OwnNats
from tests.services.stale_detector.harness import Fleet

QUEUE = 16  # messages
BURST = 400  # heartbeats in one write, of which most find the queue full
PAUSE = 0.01  # seconds
LOOK = 0.05  # seconds


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
        await end(pouring)
    writer.close()


@asynccontextmanager
async def losing(fleet: Fleet, health_port: int) -> AsyncGenerator[None]:
    """Loses every heartbeat of the fleet for an interval after each loss that the detector is told of.

    On a busy machine the flood may pause; a broker that takes everything loses nobody's heartbeats. The interval
    counts from the question: a slow answer does not mute the fleet for longer.
    """
    loop = asyncio.get_running_loop()

    async def follow(http: httpx.AsyncClient) -> None:
        known = 0.0
        while True:
            asked = loop.time()
            told = _losses((await http.get("/metrics")).text)
            if told > known:
                known, fleet.muted_until = told, asked + fleet.interval
            await asyncio.sleep(LOOK)

    url = f"http://{ports.LOOPBACK}:{health_port}"
    async with plain_client(base_url=url, timeout=PATIENCE) as http, asyncio.TaskGroup() as group:
        following = group.create_task(follow(http))
        yield
        await end(following)


def _losses(metrics: str) -> float:
    outcomes = re.findall(
        r'^makima_canaries_total\{outcome="(?:refused|late)"\} (\S+)$', metrics, re.MULTILINE
    )
    return sum(float(each) for each in outcomes)
