"""Puts events into the log, as the appender would."""

from collections.abc import Sequence
from uuid import uuid4

import asyncpg
from makima_kernel.event_log.append import SQL, Append, NewEvent, arguments, new_event
from makima_schemas.codec import Event
from makima_schemas.contract.events import ContractPaused, ContractResumed, MessageSent
from makima_schemas.contract.model import ContractStatus
from makima_schemas.envelope import EventMeta
from makima_schemas.identity import DEFAULT_TENANT


async def append(pool: asyncpg.Pool, stream: str, *events: NewEvent, meta: EventMeta | None = None) -> int:
    """One command's events on one stream; the last position."""
    return await append_all(pool, {stream: events}, meta=meta)


async def append_all(
    pool: asyncpg.Pool, streams: dict[str, Sequence[NewEvent]], *, meta: EventMeta | None = None
) -> int:
    batch = [
        Append(DEFAULT_TENANT, stream, uuid4(), b"", None, tuple(events), meta or EventMeta(actor="test"))
        for stream, events in streams.items()
    ]
    rows = await pool.fetch(SQL, *arguments(batch))
    assert {row["status"] for row in rows} == {"ok"}
    return max(row["position"] for row in rows)


async def fill(pool: asyncpg.Pool, count: int, *, streams: int = 10) -> int:
    """`count` events of several kinds, spread over contracts; the last position."""
    last = 0
    for start in range(0, count, 500):
        spread: dict[str, list[NewEvent]] = {}
        for number in range(start, min(start + 500, count)):
            spread.setdefault(f"contract-c{number % streams}", []).append(new_event(some_event(number)))
        last = await append_all(pool, {stream: tuple(events) for stream, events in spread.items()})
    return last


def some_event(number: int) -> Event:
    match number % 3:
        case 0:
            return ContractPaused(f"reason {number}", ContractStatus.ACTIVE)
        case 1:
            return ContractResumed(ContractStatus.ACTIVE)
        case _:
            return MessageSent(f"m{number}", "user", f"message {number}")
