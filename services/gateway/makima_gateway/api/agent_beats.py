"""How regularly agents were heard lately, as the recorder tells it."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, cast

from makima_schemas.agent import AgentStatus
from makima_schemas.commands import Problem
from makima_schemas.identity import agent_id, stream_name
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_gateway.api.context import Gateway
from makima_gateway.api.schemas.agents import BeatStrip
from makima_gateway.api.supervisor_heartbeats import OWNER, TELEMETRY_TIMEOUT_SECONDS
from makima_gateway.read_model.rows import AgentRow

AgentName = tuple[str, str]  # contract id and role
NOT_JOINED: Final = "-"
NOT_HEARD: Final = "l0"  # late, missed


async def beat_strips(
    gateway: Gateway, tenant: str, rows: Iterable[AgentRow], drivers: Mapping[str, str], count: int
) -> dict[AgentName, BeatStrip]:
    """The strips of the last `count` heartbeats; none if the recorder does not answer.

    `drivers`: contract id to the task id of its supervisor.
    """
    streams = [(each, _stream(each, drivers)) for each in rows]
    requested = sorted({stream for _, stream in streams if stream is not None})
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
    never = NOT_JOINED * count
    return {
        (each.contract_id, each.role): BeatStrip(
            to, step, while_there(slots.get(stream or "", never), to, step, _left_at(each))
        )
        for each, stream in streams
    }


def while_there(slots: str, to: datetime, step_seconds: float, left_at: datetime | None) -> str:
    """The strip without what was missed after the agent left: of who is offline no heartbeat is expected.

    `left_at`: when it left, or was cleaned up; null: it is there.
    """
    if left_at is None:
        return slots
    ends = (to - timedelta(seconds=left * step_seconds) for left in reversed(range(len(slots))))
    return "".join(
        NOT_JOINED if slot in NOT_HEARD and end > left_at else slot
        for slot, end in zip(slots, ends, strict=True)
    )


def _stream(one: AgentRow, drivers: Mapping[str, str]) -> str | None:
    if one.role != SUPERVISOR_ROLE:
        return stream_name("agent", agent_id(one.contract_id, one.role))
    task_id = drivers.get(one.contract_id)
    return None if task_id is None else stream_name("supervisor", task_id)


def _left_at(one: AgentRow) -> datetime | None:
    return one.since if one.agent_status is AgentStatus.OFFLINE else None
