"""`python -m tests.bench.declare_all_beside_work`: how long the owner of the senders takes to answer an empty
`declare_all` while its event loop works in slices of 5 ms, as it does while it records heartbeats.

Each turn of the loop costs a caller one slice at most; an answer that needs a worker thread costs several.
"""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE
from statistics import quantiles
from typing import Final

import nats as nats_py
import orjson
import uvloop
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_supervisor_heartbeat import app

from tests.bench.figure import bench_env
from tests.bench.served import provisioned

SLICE_SECONDS: Final = 0.005
QUESTIONS: Final = 400
SUBJECT: Final = "makima.commands.supervisor_heartbeat.declare_all"


async def work() -> None:
    """Keep the loop busy, and let others have their turn after each slice."""
    while True:
        end = time.perf_counter() + SLICE_SECONDS
        while time.perf_counter() < end:
            pass
        await asyncio.sleep(0)


async def ask(url: str) -> None:
    """Print the ms of each answer, one question after the other."""
    nats = await nats_py.connect(url)
    took: list[float] = []
    for _ in range(QUESTIONS):
        begin = time.perf_counter()
        answer = orjson.loads((await nats.request(SUBJECT, b'{"silent":[],"disconnected":[]}', 10)).data)
        took.append(1000 * (time.perf_counter() - begin))
        assert answer["ok"], answer
    await nats.close()
    print(orjson.dumps(took).decode())


async def measure() -> None:
    async with bench_env() as env:
        dsn = await env.database()
        await provisioned(dsn, env.nats_url)
        settings = Settings(database_url=dsn, nats_url=env.nats_url)
        async with Service.running(app.NAME, settings, app.build):
            for what in ("beside slices of 5 ms", "idle"):
                working = asyncio.create_task(work() if what != "idle" else asyncio.sleep(0))
                asking = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", __spec__.name, env.nats_url, stdout=PIPE
                )
                said, _ = await asking.communicate()
                working.cancel()
                cuts = quantiles(orjson.loads(said), n=100)
                print(
                    f"declare_all, {what}: p50 {cuts[49]:.2f} ms, p95 {cuts[94]:.2f} ms, p99 {cuts[98]:.2f} ms"
                )


if __name__ == "__main__":
    uvloop.run(ask(sys.argv[1]) if sys.argv[1:] else measure())
