"""Read model: one row per supervisor or daemon with its folded state. A recorder loads it at start."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import asyncpg
from makima_kernel.event_log.named_sql import named
from makima_kernel.projections.projection import Applied
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged

from makima_supervisor_heartbeat.domain.sender_state import (
    SenderState,
    dump_state,
    evolve,
    initial,
    load_state,
)

SQL: Final = named(Path(__file__).with_suffix(".sql"))


class KnownSenders:
    """The projection `supervisor_heartbeat`, with the table `senders`."""

    name = "supervisor_heartbeat"
    schema = "supervisor_heartbeat"
    tables = ("senders",)
    fold_number = 1
    events: frozenset[type] = frozenset(
        (SupervisorRegistered, SupervisorStateChanged, DaemonConnected, DaemonDisconnected)
    )

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        keys = sorted({(applied.recorded.tenant, applied.recorded.stream) for applied in batch})
        rows = await connection.fetch(
            SQL["touched"], [tenant for tenant, _ in keys], [stream for _, stream in keys]
        )
        states: dict[tuple[str, str], SenderState] = {key: initial(key[1]) for key in keys}
        states |= {(row["tenant"], row["stream"]): load_state(row["stream"], row["told"]) for row in rows}
        for applied in batch:
            key = (applied.recorded.tenant, applied.recorded.stream)
            if isinstance(
                applied.event,
                SupervisorRegistered | SupervisorStateChanged | DaemonConnected | DaemonDisconnected,
            ):
                states[key] = evolve(states[key], applied.event)
        await connection.execute(
            SQL["store"],
            [tenant for tenant, _ in keys],
            [stream for _, stream in keys],
            [dump_state(states[key]) for key in keys],
        )
