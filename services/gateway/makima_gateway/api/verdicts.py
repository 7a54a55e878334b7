"""The verdicts of silence on a sender, from the log."""

from typing import Final, cast

import orjson
from makima_kernel.event_log.log import Log
from makima_schemas.agent import AgentStatusChanged
from makima_schemas.codec import decode, encode
from makima_schemas.daemon import DaemonDisconnected
from makima_schemas.envelope import Recorded
from makima_schemas.evidence import Evidence
from makima_schemas.identity import Category, stream_name
from makima_schemas.supervisor import SupervisorStateChanged
from makima_schemas.supervisors_agent import agent_status

from makima_gateway.api.schemas.agents import Verdict

VERDICTS: Final = tuple(
    each.__name__ for each in (AgentStatusChanged, SupervisorStateChanged, DaemonDisconnected)
)


async def verdicts(log: Log, tenant: str, category: Category, entity_id: str, limit: int) -> list[Verdict]:
    """At most `limit`, newest first: the events of the sender's stream that carry evidence."""
    stream = stream_name(category, entity_id)
    return [_verdict(each) for each in await log.newest(tenant, stream, VERDICTS, "evidence", limit)]


def _verdict(recorded: Recorded) -> Verdict:
    event = decode(recorded.type, recorded.schema, recorded.data)
    connection: str | None = None
    match event:
        case AgentStatusChanged():
            old, new, connection = event.old_status, event.new_status, event.connection_id
        case SupervisorStateChanged():
            old = agent_status(event.old_state, restart_requested=False)
            new = agent_status(event.new_state, restart_requested=False)
            connection = event.connection_id
        case _:
            old, new = "connected", "disconnected"
    return Verdict(
        at=recorded.recorded_at,
        position=recorded.position,
        stream=recorded.stream,
        event=recorded.type,
        old_status=old,
        new_status=new,
        connection_id=connection,
        evidence=_members(cast("Evidence", getattr(event, "evidence", None))),
    )


def _members(evidence: Evidence) -> dict[str, object]:
    return cast("dict[str, object]", orjson.loads(encode(evidence)))
