"""The baseline of P5: what one writes first. `python -m tests.bench.naive_detector URL TIMEOUT`: a dict of
when each sender's last heartbeat came to the broker, and a look at all of them each second, by the wall
clock.
"""

import asyncio
import sys
import time

import nats
from makima_kernel.nats.pull_loop import PullLoop
from makima_kernel.nats.stream_cursor import Ephemeral
from makima_schemas import subjects
from makima_stale_detector.domain.members.heartbeat import read
from nats.aio.client import Client
from nats.js.api import DeliverPolicy

VERDICTS = "bench.naive.verdicts"


async def detect(url: str, timeout: float) -> None:
    client = await nats.connect(url, max_reconnect_attempts=-1, ping_interval=60)
    seen: dict[str, float] = {}
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(listen(client, seen))
        while True:
            await asyncio.sleep(1.0)
            now = time.time()
            for sender, last in [(sender, last) for sender, last in seen.items() if now - last > timeout]:
                del seen[sender]
                await client.publish(VERDICTS, f"{sender} {last}".encode())


async def listen(client: Client, seen: dict[str, float]) -> None:
    cursor = Ephemeral("naive", deliver=DeliverPolicy.NEW)
    async for batch in PullLoop(client, subjects.HEARTBEATS_STREAM, cursor).batches():
        for message in batch:
            spoken = read(message.subject, message.payload, message.headers)
            if spoken is not None:
                seen[spoken[0]] = message.timestamp_ns / 1e9


if __name__ == "__main__":
    asyncio.run(detect(sys.argv[1], float(sys.argv[2])))
