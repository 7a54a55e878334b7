"""The gateway's read model as a projection of the log: rows to load, the pure fold, rows to write, once per batch."""

from collections.abc import Sequence
from typing import Final

import asyncpg
import structlog
from makima_kernel.projections.projector import Applied

from makima_gateway.read_model.fold import EVENTS, fold
from makima_gateway.read_model.storage import SQL, load, store, touched

NAME: Final = "gateway"


class ReadModel:
    """What GET answers and the monitor socket replays. A batch costs a handful of statements, whatever its size."""

    name: str = NAME
    schema: str = NAME
    tables: tuple[str, ...] = ("contracts", "tasks", "questions", "messages", "supervisors", "daemons", "monitor_events", "tallies")
    events: frozenset[type] = EVENTS

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        await connection.execute(SQL["without_waiting_for_the_disk"])
        rows = await load(connection, touched((item.recorded, item.event) for item in batch))
        for item in batch:
            fold(rows, item.recorded, item.event)
        for recorded in rows.orphans:
            structlog.get_logger().error("read_model.orphan_event", stream=recorded.stream, position=recorded.position, type=recorded.type)
        await store(connection, rows)
