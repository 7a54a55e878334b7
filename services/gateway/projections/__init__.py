"""The gateway's read model as a projection of the log: rows to load, the pure fold, rows to write, once per batch."""

from collections.abc import Sequence
from typing import Final

import asyncpg
import structlog
from makima_kernel.log.project import Applied

from services.gateway.projections.fold import EVENTS, fold
from services.gateway.projections.storage import load, store, touched

NAME: Final = "gateway"


class ReadModel:
    """What GET answers and the monitor socket replays. A batch costs a handful of statements, whatever its size."""

    name: str = NAME
    schema: str = NAME
    tables: tuple[str, ...] = ("contracts", "tasks", "questions", "messages", "supervisors", "daemons", "monitor_events")
    events: frozenset[type] = EVENTS

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        # A crash of Postgres may take the last commits back, checkpoint and rows together: they are made again from the log, which is
        # durable. Waiting for the disk here as well would be half of the time between a write and its answer.
        await connection.execute("set local synchronous_commit = off")
        rows = await load(connection, touched((item.recorded, item.event) for item in batch))
        for item in batch:
            fold(rows, item.recorded, item.event)
        for recorded in rows.orphans:
            structlog.get_logger().error("gateway.orphan", stream=recorded.stream, position=recorded.position, type=recorded.type)
        await store(connection, rows)
