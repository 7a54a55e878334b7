"""The gateway's projection of the log: for each batch load the rows, fold the events, write the rows."""

from collections.abc import Sequence
from typing import Final

import asyncpg
import structlog
from makima_kernel.projections.projector import Applied

from makima_gateway.read_model.fold import EVENTS, fold
from makima_gateway.read_model.storage import load, store
from makima_gateway.read_model.touched import touched

NAME: Final = "gateway"


class ReadModel:
    """The tables that GET routes and the monitor read.

    A batch takes a fixed number of statements, whatever its size.
    """

    name: str = NAME
    schema: str = NAME
    tables: tuple[str, ...] = (
        "contracts",
        "tasks",
        "questions",
        "messages",
        "supervisors",
        "agents",
        "daemons",
        "monitor_events",
        "tallies",
        "agent_counts",
    )
    fold_number: int = 6
    events: frozenset[type] = EVENTS

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        """Apply a batch within the projector's transaction.

        An event of a row that does not exist is logged and skipped: the event that created the row was set
        aside as undecodable.
        """
        rows = await load(connection, touched((item.recorded, item.event) for item in batch))
        for item in batch:
            fold(rows, item.recorded, item.event)
        for recorded in rows.orphans:
            structlog.get_logger().error(
                "read_model.orphan_event",
                stream=recorded.stream,
                position=recorded.position,
                type=recorded.type,
            )
        await store(connection, rows)
