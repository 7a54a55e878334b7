"""Commands for tests of the log, and an appender that runs while a test needs it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from makima_kernel.event_log.append import SQL, Append, NewEvent, Outcome, arguments, outcome
from makima_kernel.event_log.appender import APPEND_CONNECTIONS, SLOW_SECONDS, Appender
from makima_schemas.envelope import EventMeta
from makima_schemas.identity import DEFAULT_TENANT

META = EventMeta(actor="test", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")


def event(data: bytes = b'{"reason":"lunch"}', name: str = "ContractPaused") -> NewEvent:
    return NewEvent(uuid4(), name, 1, data)


def command(
    stream: str,
    *events: NewEvent,
    expected: int | None = None,
    command_id: UUID | None = None,
    guard: tuple[str, int] | None = None,
    guards: tuple[tuple[str, int], ...] = (),
    request_hash: bytes = b"request",
    tenant: str = DEFAULT_TENANT,
) -> Append:
    return Append(
        tenant,
        stream,
        command_id or uuid4(),
        request_hash,
        expected,
        events,
        META,
        (*((guard,) if guard else ()), *guards),
    )


async def call(
    connection: asyncpg.Connection | asyncpg.Pool | PoolConnectionProxy, *batch: Append
) -> list[Outcome]:
    """The function itself, one call."""
    return [outcome(*row) for row in await connection.fetch(SQL, *arguments(batch))]


@asynccontextmanager
async def running(
    dsn: str,
    *,
    on_append: Callable[[int], None] = lambda _: None,
    timeout: float = 10.0,
    max_waiting: int = 10_000,
    lines: int = APPEND_CONNECTIONS,
    slow: float = SLOW_SECONDS,
) -> AsyncGenerator[Appender]:
    """An appender of its own process, so to speak; drained at the end."""
    appender = Appender(
        lambda: asyncpg.connect(dsn),
        on_append=on_append,
        timeout=timeout,
        max_waiting=max_waiting,
        lines=lines,
        slow=slow,
    )
    async with asyncio.TaskGroup() as group:
        owner = group.create_task(appender.run())
        try:
            yield appender
            await appender.drain()
        finally:
            owner.cancel()
