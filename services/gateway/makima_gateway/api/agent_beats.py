"""How regularly agents were heard lately, as the recorder tells it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import cast

from makima_schemas.commands import Problem
from makima_schemas.identity import agent_id, stream_name
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_gateway.api.context import Gateway
from makima_gateway.api.schemas.agents import BeatStrip
from makima_gateway.api.supervisor_heartbeats import OWNER, TELEMETRY_TIMEOUT_SECONDS
from makima_gateway.read_model.rows import AgentRow

AgentName = tuple[str, str]  # contract id and role


async def beat_strips(
    gateway: Gateway, tenant: str, rows: Iterable[AgentRow], drivers: Mapping[str, str], count: int
) -> dict[AgentName, BeatStrip]:
    """The strips of the last `count` heartbeats; none if the recorder does not answer.

    `drivers`: contract id to the task id of its supervisor.
    """
    streams = {(each.contract_id, each.role): _stream(each, drivers) for each in rows}
    requested = sorted({stream for stream in streams.values() if stream is not None})
    step = gateway.settings.contracts.heartbeat_interval_seconds
    question: dict[str, object] = {
        "streams": requested,
        "step_seconds": step,
        "count": count,
        "tenant": tenant,
    }
    reply = await gateway.bus.query(OWNER, "beats", question, timeout=TELEMETRY_TIMEOUT_SECONDS)
    if isinstance(reply, Problem):
        return {}
    to, slots = datetime.fromisoformat(str(reply["to"])), cast("dict[str, str]", reply["slots"])
    never = "-" * count
    return {name: BeatStrip(to, step, slots.get(stream or "", never)) for name, stream in streams.items()}


def _stream(one: AgentRow, drivers: Mapping[str, str]) -> str | None:
    if one.role != SUPERVISOR_ROLE:
        return stream_name("agent", agent_id(one.contract_id, one.role))
    task_id = drivers.get(one.contract_id)
    return None if task_id is None else stream_name("supervisor", task_id)
