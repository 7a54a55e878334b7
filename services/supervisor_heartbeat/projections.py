"""What the log says of every supervisor and daemon, as tables: what a recorder knows when it starts."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import asyncpg
import orjson
from makima_kernel.log.projection import Applied
from makima_kernel.log.sql import named
from makima_schemas.codec import encode
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.evidence import Arrival, Evidence
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged

from services.supervisor_heartbeat.domain.daemon import Daemon, DaemonDecider
from services.supervisor_heartbeat.domain.supervisor import Supervisor, SupervisorDecider
from services.supervisor_heartbeat.queries import daemon_of, supervisor_of

SQL: Final = named(Path(__file__).with_suffix(".sql"))
SUPERVISOR: Final = SupervisorDecider()
DAEMON: Final = DaemonDecider()

Key = tuple[str, str]


class KnownSenders:
    """The projection `supervisor_heartbeat`."""

    name = "supervisor_heartbeat"
    schema = "supervisor_heartbeat"
    tables = ("supervisors", "daemons")
    events: frozenset[type] = frozenset((SupervisorRegistered, SupervisorStateChanged, DaemonConnected, DaemonDisconnected))

    async def apply(self, connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
        await _apply_supervisors(connection, batch)
        await _apply_daemons(connection, batch)


async def _apply_supervisors(connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
    touched = {_key(applied) for applied in batch if applied.recorded.category == "supervisor"}
    if not touched:
        return
    rows = await connection.fetch(SQL["touched_supervisors"], *_columns(touched, 2))
    supervisors = {(row["tenant"], row["task_id"]): supervisor_of(row) for row in rows}
    for applied in batch:
        if isinstance(applied.event, SupervisorRegistered | SupervisorStateChanged):
            key = _key(applied)
            supervisors[key] = SUPERVISOR.evolve(supervisors.get(key, Supervisor()), applied.event)
    stored = [
        (*key, each.contract_id, each.daemon_id, each.connection_id, each.state, each.phase, orjson.dumps(sorted(each.superseded)).decode(),
         *_heard(each.heard), _json(each.evidence))
        for key, each in sorted(supervisors.items())
    ]  # fmt: skip
    await connection.execute(SQL["store_supervisors"], *_columns(stored, 12))


async def _apply_daemons(connection: asyncpg.Connection, batch: Sequence[Applied]) -> None:
    touched = {_key(applied) for applied in batch if applied.recorded.category == "daemon"}
    if not touched:
        return
    rows = await connection.fetch(SQL["touched_daemons"], *_columns(touched, 2))
    daemons = {(row["tenant"], row["daemon_id"]): daemon_of(row) for row in rows}
    for applied in batch:
        if isinstance(applied.event, DaemonConnected | DaemonDisconnected):
            key = _key(applied)
            daemons[key] = DAEMON.evolve(daemons.get(key, Daemon()), applied.event)
    stored = [(*key, each.hostname, each.connected, *_heard(each.heard), _json(each.evidence)) for key, each in sorted(daemons.items())]
    await connection.execute(SQL["store_daemons"], *_columns(stored, 8))


def _heard(arrival: Arrival | None) -> tuple[object, object, object]:
    return (None, None, None) if arrival is None else (arrival.stream_epoch, arrival.stream_sequence, arrival.at)


def _json(evidence: Evidence | None) -> str | None:
    return None if evidence is None else encode(evidence).decode()


def _key(applied: Applied) -> Key:
    return applied.recorded.tenant, applied.recorded.entity_id


def _columns(rows: Iterable[tuple[object, ...]], width: int) -> list[list[object]]:
    """Rows as the parallel arrays that `unnest` takes."""
    listed = list(rows)
    return [[row[index] for row in listed] for index in range(width)]
