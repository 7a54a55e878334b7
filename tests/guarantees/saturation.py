"""A broker with a small ingest queue, and who fills it: what comes meanwhile is dropped without a word."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
from makima_kernel.testing import eventually
from makima_local import ports
from makima_schemas import subjects
from makima_schemas.heartbeat import DaemonHeartbeat
from makima_stale_detector.handlers.heartbeat_consumer import LOSS_HEADER
from nats.aio.msg import Msg

from tests.background import end
from tests.guarantees.heartbeat_oracle import Reader
from tests.servers import MakeNats, OwnNats
from tests.services.stale_detector.harness import Fleet

QUEUE = 16  # messages
BURST = 1000  # heartbeats in one write, of which most find the queue full
# The broker stores the first one, and has to look up and answer each that it takes after it. So the queue is full for
# as long as they come, on a slow machine too, and the stream stays small enough to be read again and again.
HEADERS = b"NATS/1.0\r\nNats-Msg-Id: flood\r\n\r\n"
ANSWERED_TO = "flood.answers"  # nobody subscribes to it
CANARIES = "makima.shards.*.canary"


async def small_queue(make_nats: MakeNats) -> OwnNats:
    """A broker that holds only few messages that are not stored yet."""
    broker = await make_nats()
    broker.ingest = QUEUE
    await broker.kill()
    await broker.start()
    return broker


@asynccontextmanager
async def flooding(broker: OwnNats, daemon_id: str) -> AsyncGenerator[None]:
    """Heartbeats of this daemon, as fast as the broker reads them, for as long as the block lasts."""
    reader, writer = await asyncio.open_connection(ports.LOOPBACK, broker.port)
    await reader.readline()
    body = HEADERS + msgspec.json.encode(DaemonHeartbeat(daemon_id, "host", 1, datetime.now(UTC)))
    subject = subjects.daemon_heartbeat(daemon_id)
    line = f"HPUB {subject} {ANSWERED_TO} {len(HEADERS)} {len(body)}\r\n".encode() + body + b"\r\n"
    writer.write(b'CONNECT {"verbose":false,"headers":true}\r\n')

    async def pour() -> None:
        while True:
            writer.write(line * BURST)
            await writer.drain()
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        pouring = group.create_task(pour())
        yield
        await end(pouring)
    writer.close()


@asynccontextmanager
async def losing(fleet: Fleet) -> AsyncGenerator[None]:
    """Loses every heartbeat of the fleet for an interval after each canary that tells of a loss.

    On a busy machine the flood may pause; a broker that takes everything loses nobody's heartbeats.
    """
    loop = asyncio.get_running_loop()

    async def canary(message: Msg) -> None:
        if LOSS_HEADER in (message.headers or {}):
            fleet.muted_until = loop.time() + fleet.interval

    subscription = await fleet.nats.subscribe(CANARIES, cb=canary)
    yield
    await subscription.unsubscribe()


async def silent_for(seconds: float, fleet: Fleet) -> None:
    """Wait until the stream has flowed for that long since the last heartbeat that is stored of a supervisor that
    lives: whoever counts that time as silence declares it dead.
    """
    reader, living = Reader(), set(fleet.supervisors) - fleet.dead

    async def one() -> bool:
        truth = await reader.read(fleet.nats)
        return max(truth.silence(each) for each in living).total_seconds() >= seconds

    await eventually(one, 120, every=0.1, because="all were heard while the broker was saturated")
