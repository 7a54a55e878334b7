"""Ways to append the same events, for benchmarks: through the appender, plain, and with a library."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import randbytes
from statistics import median, quantiles
from uuid import UUID

import asyncpg
import orjson
from makima_kernel.event_log.append import Append, Appended, NewEvent
from makima_kernel.event_log.appender import Appender
from makima_schemas.envelope import EventMeta

DATA = orjson.dumps(
    {"contract_id": "c-" + "0" * 32, "phase": "build", "task": "t-17", "by": "agent-4", "note": "x" * 180}
)
META = EventMeta(actor="bench", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")

Write = Callable[[], Awaitable[None]]

PLAIN_TABLE = """
create table if not exists plain (
    id bigint generated always as identity primary key, tenant text not null, stream text not null, version bigint not null, event_id uuid not null,
    command_id uuid not null, type text not null, schema smallint not null, data json not null, meta json not null,
    recorded_at timestamptz not null default clock_timestamp(), unique (tenant, stream, version)
)
"""
PLAIN_INSERT = """
insert into plain (tenant, stream, version, event_id, command_id, type, schema, data, meta)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning id
"""


def some_id() -> UUID:
    """Random as any, but without asking the kernel for randomness: that would be half of what is measured."""
    return UUID(bytes=randbytes(16))


@dataclass(frozen=True, slots=True)
class Speed:
    """Events per second, and the median and 99th percentile of what one caller waits, in milliseconds."""

    rate: float
    p50: float
    p99: float


async def drive(writes: list[Write], seconds: float) -> Speed:
    """Each caller in a closed loop: the next one when the last was answered."""
    waits: list[float] = []
    started = time.perf_counter()
    end = started + seconds

    async def caller(write: Write) -> None:
        last = time.perf_counter()
        while last < end:
            await write()
            now = time.perf_counter()
            waits.append(now - last)
            last = now

    await asyncio.gather(*(caller(write) for write in writes))
    elapsed = time.perf_counter() - started
    return Speed(len(waits) / elapsed, 1000 * median(waits), 1000 * quantiles(waits, n=100)[98])


@asynccontextmanager
async def appending(dsn: str, callers: int) -> AsyncGenerator[list[Write]]:
    """Ours: handlers of one process that share an appender, each on a stream of its own with the version
    checked.
    """
    appender = Appender(lambda: asyncpg.connect(dsn))

    def writer() -> Write:
        stream, version = f"contract-{some_id()}", 0

        async def write() -> None:
            nonlocal version
            event = NewEvent(some_id(), "TaskCompleted", 1, DATA)
            outcome = await appender.append(
                Append("default", stream, some_id(), b"h" * 32, version, (event,), META)
            )
            assert isinstance(outcome, Appended)
            version = outcome.version

        return write

    async with asyncio.TaskGroup() as group:
        group.create_task(appender.run())
        yield [writer() for _ in range(callers)]
        await appender.drain()


@asynccontextmanager
async def inserting(dsn: str, callers: int) -> AsyncGenerator[list[Write]]:
    """Plain: one connection a caller, one insert an event, numbered by an identity column, in no order that a
    reader could trust.
    """
    async with AsyncExitStack() as opened:

        async def writer() -> Write:
            connection = await opened.enter_async_context(_connection(dsn))
            insert = await connection.prepare(PLAIN_INSERT)
            stream, version, data, meta = (
                f"contract-{some_id()}",
                0,
                DATA.decode(),
                orjson.dumps(META).decode(),
            )

            async def write() -> None:
                nonlocal version
                version += 1
                await insert.fetchval(
                    "default", stream, version, some_id(), some_id(), "TaskCompleted", 1, data, meta
                )

            return write

        first = await opened.enter_async_context(_connection(dsn))
        await first.execute(PLAIN_TABLE)
        yield [await writer() for _ in range(callers)]


@asynccontextmanager
async def _connection(dsn: str) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()
