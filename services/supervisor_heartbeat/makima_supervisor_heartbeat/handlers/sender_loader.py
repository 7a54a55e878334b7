"""Loads the sender cache: states from the read model, and the latest recorded heartbeats."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

import asyncpg
import msgspec
import orjson
from makima_kernel.event_log.named_sql import named
from makima_kernel.projections import checkpoint
from makima_schemas.heartbeat import ChildProcess
from makima_schemas.heartbeat_codec import Address
from makima_schemas.identity import DEFAULT_TENANT, split_stream
from makima_schemas.silence import SenderKind
from makima_schemas.supervisor import SupervisorState

from makima_supervisor_heartbeat.domain.broker_time import nanoseconds
from makima_supervisor_heartbeat.domain.contracts import Assigned
from makima_supervisor_heartbeat.domain.heartbeats import Beat
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache
from makima_supervisor_heartbeat.domain.sender_state import load_state
from makima_supervisor_heartbeat.projections import KnownSenders

SQL: Final = named(Path(__file__).with_suffix(".sql"))
PREFETCHED_ROWS: Final = 2000


class SenderLoader:
    def __init__(self, pool: asyncpg.Pool, senders: SenderCache) -> None:
        self._pool, self._senders = pool, senders

    async def load_states(self) -> int:
        """Load the states; returns the log position that they show, read in the same snapshot."""
        async with self._snapshot() as connection:
            position = (
                cast("int | None", await connection.fetchval(checkpoint.SQL["position"], KnownSenders.name))
                or 0
            )
            async for contract_id, *assigned in connection.cursor(
                SQL["assignments"], DEFAULT_TENANT, prefetch=PREFETCHED_ROWS
            ):
                self._senders.contracts.create(contract_id, Assigned(*assigned))
            async for contract_id, task_id, role in connection.cursor(
                SQL["held"], DEFAULT_TENANT, prefetch=PREFETCHED_ROWS
            ):
                self._senders.contracts.hold(contract_id, task_id, role)
            async for stream, state in connection.cursor(
                SQL["states"], DEFAULT_TENANT, prefetch=PREFETCHED_ROWS
            ):
                self._senders.restore(stream, load_state(stream, state))
        return position

    async def load_latest_heartbeats(self, stream_epoch: str) -> None:
        """Load each sender's newest heartbeat of this incarnation of the stream."""
        async with self._snapshot() as connection:
            async for row in connection.cursor(SQL["latest"], stream_epoch, prefetch=PREFETCHED_ROWS):
                self._senders.set_latest(_beat(row), row["progress_ns"], row["judged_ns"])

    @asynccontextmanager
    async def _snapshot(self) -> AsyncGenerator[asyncpg.Connection]:
        async with (
            self._pool.acquire() as acquired,
            acquired.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield cast("asyncpg.Connection", acquired)


def _beat(row: asyncpg.Record) -> Beat:
    category, entity_id = split_stream(row["sender"])
    role = entity_id.partition(":")[2] or None
    address = Address(
        cast("SenderKind", category),
        row["sender"],
        entity_id,
        row["daemon_id"],
        row["contract_id"] if role else None,
        role,
    )
    detail: dict[str, object] = (
        orjson.loads(row["detail"]) if category != "supervisor" and row["detail"] else {}
    )
    return Beat(
        address,
        row["sequence"],
        nanoseconds(row["received_at"]),
        row["contract_id"],
        row["connection_id"],
        None if row["state"] is None else SupervisorState(row["state"]),
        row["phase"],
        row["activity"],
        row["progress"],
        row["detail"],
        cast("str", detail.get("hostname", "")),
        -1 if row["seq"] is None else row["seq"],
        child=_child(detail.get("child")),
    )


def _child(member: object) -> ChildProcess | None:
    """Recorded before it had members, it is the command."""
    if member is None or isinstance(member, str):
        return None if member is None else ChildProcess(command=member)
    return msgspec.convert(member, ChildProcess)
