"""R8: a slow database, a database that writes nothing, readers who do not read, and deleted consumers."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from makima_local.postgres import Postgres
from makima_local.probe import unhealthy
from makima_schemas import subjects
from nats.errors import Error as NatsError
from websockets.asyncio.client import connect

from tests.background import running
from tests.faults.comparison import Comparison, differing
from tests.faults.outcome import compared
from tests.faults.trial import QUICK, Trial, on_servers, under_load
from tests.services.gateway.harness import ADMIN
from tests.whole_system import whole_system

SLOW_SECONDS: Final = 20.0
FROZEN_FOR: Final = 0.4  # of each half second the database works a fifth
WORKS_FOR: Final = 0.1
LOCKED_SECONDS: Final = 15.0
STALLED: Final = 50  # readers
SMALL: Final = 4096  # bytes that a stalled reader's kernel holds for it
LOOK: Final = 0.1


@dataclass
class Told:
    """What readiness and the callers were told while something was wrong."""

    trial: Trial
    unready: set[str] = field(default_factory=set[str])

    async def look(self) -> None:
        while True:
            for name, port in self.trial.system.health.items():
                if (why := await unhealthy(port)) is not None:
                    self.unready.add(f"{name}: {why[:80]}")
            await asyncio.sleep(LOOK)


@asynccontextmanager
async def watched(trial: Trial) -> AsyncGenerator[Told]:
    told = Told(trial)
    async with running(told.look()):
        yield told


async def show(place: Path) -> list[Comparison]:
    async with (
        on_servers(place) as (postgres, broker, dsn),
        whole_system(postgres.dsn(), dsn, broker.url, place, env=QUICK) as system,
        under_load("R8", postgres, broker, system) as trial,
        AsyncExitStack() as stalled,
    ):
        for _ in range(STALLED):
            await stalled.enter_async_context(stalled_reader(system.urls[0]))
        trial.dies("t0")
        await slow(postgres)
        await trial.recovers()
        trial.dies("t1")
        before = trial.writers.refused.total()
        async with watched(trial) as locked:
            await nothing_is_written(trial)
        shed = trial.writers.refused.total() - before
        await trial.recovers()
        trial.dies("t2")
        deleted = await without_consumers(trial)
        await trial.recovers()
        trial.notes.append(f"{STALLED} stalled readers, {deleted} consumers deleted")
        silent = {"not healthy": locked.unready, "commands shed": shed}
        kinds = {"not told": [what for what, found in silent.items() if not found]}
        seen = f"{shed} tries refused; {'; '.join(sorted(locked.unready)[:2])}"
        what = "a log that takes no writes for 15 s, told by health and to callers"
        return [differing("R8", what, (len(silent), "ways"), kinds, seen), *await compared(trial)]


async def slow(postgres: Postgres) -> None:
    """The whole server works in slices, as on a disk that everybody waits for."""
    loop = asyncio.get_running_loop()
    end = loop.time() + SLOW_SECONDS
    while loop.time() < end:
        await postgres.freeze()
        await asyncio.sleep(FROZEN_FOR)  # the fault itself
        postgres.thaw()
        await asyncio.sleep(WORKS_FOR)


async def nothing_is_written(trial: Trial) -> None:
    """Reads go on: only the log's table is held."""
    async with trial.pool.acquire() as connection, connection.transaction():
        await connection.execute("lock table event_log.events in exclusive mode")
        await asyncio.sleep(LOCKED_SECONDS)  # the fault itself


async def without_consumers(trial: Trial) -> int:
    """Whoever reads from the broker loses its place there."""
    jetstream, deleted = trial.nats.jetstream(), 0
    for stream in (subjects.EVENTS_STREAM, subjects.HEARTBEATS_STREAM):
        for consumer in await jetstream.consumers_info(stream):
            with suppress(NatsError):
                await jetstream.delete_consumer(stream, consumer.name)
                deleted += 1
    return deleted


@asynccontextmanager
async def stalled_reader(url: str) -> AsyncGenerator[None]:
    """A monitor socket that is opened and never read."""
    place = urlsplit(url)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (place.hostname, place.port))
    monitor = f"{url.replace('http', 'ws', 1)}/api/v1/contracts/monitor"
    headers = {"Authorization": f"Bearer {ADMIN}"}
    connection = await connect(
        monitor, additional_headers=headers, sock=sock, max_queue=1, ping_interval=None, close_timeout=0.1
    )
    await connection.send('{"include_heartbeats":true}')
    try:
        yield
    finally:
        with suppress(OSError):
            await connection.close()
