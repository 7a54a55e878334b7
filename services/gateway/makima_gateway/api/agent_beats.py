"""How regularly agents were heard lately, as the recorder tells it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, cast, get_args

from makima_kernel.event_log.log import Log
from makima_schemas.agent import AgentLeft, AgentStatus, AgentStep
from makima_schemas.codec import UndecodableError, UnknownEventError, decode
from makima_schemas.commands import Problem
from makima_schemas.identity import agent_id, stream_name
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_gateway.api.context import Gateway
from makima_gateway.api.schemas.agents import BeatStrip
from makima_gateway.api.supervisor_heartbeats import OWNER, TELEMETRY_TIMEOUT_SECONDS
from makima_gateway.read_model.rows import AgentRow

AgentName = tuple[str, str]  # contract id and role
# When it left, or was cleaned up, and when it was back; null: not yet.
Absence = tuple[datetime, datetime | None]
NOT_JOINED: Final = "-"
NOT_HEARD: Final = frozenset("l0")  # late, missed
STEPS: Final = tuple(each.__name__ for each in get_args(AgentStep))
MAX_STEPS: Final = 32  # of one agent that are looked at


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
    began = to - timedelta(seconds=count * step)
    # Whoever has had one status all the time was there for all of it, or for nothing: `_away_now` says so.
    changed = [
        stream
        for each, stream in streams
        if stream is not None and each.since > began and NOT_HEARD.intersection(slots.get(stream, never))
    ]
    away = await absences(gateway.log, tenant, changed)
    return {
        (each.contract_id, each.role): BeatStrip(
            to, step, while_there(slots.get(stream or "", never), to, step, away.get(stream, _away_now(each)))
        )
        for each, stream in streams
    }


def while_there(slots: str, to: datetime, step_seconds: float, away: Sequence[Absence]) -> str:
    """The strip without what was missed while the agent was away: of who is offline no heartbeat is expected, and of who
    came back the first one an interval later.
    """
    step = timedelta(seconds=step_seconds)

    def expected(end: datetime) -> bool:
        return not any(left < end and (back is None or end < back + step) for left, back in away)

    ends = (to - left * step for left in reversed(range(len(slots))))
    return "".join(
        slot if slot not in NOT_HEARD or expected(end) else NOT_JOINED
        for slot, end in zip(slots, ends, strict=True)
    )


async def absences(log: Log, tenant: str, streams: Sequence[str]) -> dict[str | None, list[Absence]]:
    """When each agent was offline, oldest first, as far back as its last `MAX_STEPS` steps. Of supervisors nothing is told,
    and an event of a newer build counts for nothing: it costs a strip its exactness, not the page its list.
    """
    found = defaultdict[str | None, list[Absence]](list)
    steps = await log.newest_of_each(tenant, streams, STEPS, MAX_STEPS) if streams else []
    for recorded in steps:
        try:
            step = cast("AgentStep", decode(recorded.type, recorded.schema, recorded.data))
        except (UnknownEventError, UndecodableError):
            continue
        is_offline = isinstance(step, AgentLeft) or step.new_status is AgentStatus.OFFLINE
        spans = found[recorded.stream]
        left, back = spans[-1] if spans else (None, None)
        if left is None or back is not None:
            if is_offline:
                spans.append((recorded.recorded_at, None))
        elif not is_offline:
            spans[-1] = (left, recorded.recorded_at)
    return dict(found)


def _stream(one: AgentRow, drivers: Mapping[str, str]) -> str | None:
    if one.role != SUPERVISOR_ROLE:
        return stream_name("agent", agent_id(one.contract_id, one.role))
    task_id = drivers.get(one.contract_id)
    return None if task_id is None else stream_name("supervisor", task_id)


def _away_now(one: AgentRow) -> list[Absence]:
    return [(one.since, None)] if one.agent_status is AgentStatus.OFFLINE else []
