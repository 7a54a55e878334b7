"""agents.md, Seen by whoever runs it: what happens to agents and supervisors is counted once, and logged."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentStatus, JoinAgent, LeaveAgent, ReportAgentStatus, RestartAgent
from makima_schemas.commands import Accepted, Request
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import RestoreSupervisor, SaveState
from makima_supervisor_heartbeat import app
from structlog.testing import capture_logs

from tests.services.supervisor_heartbeat.crew import AGENT, Crew
from tests.services.supervisor_heartbeat.harness import supervisor_beat
from tests.telemetry import logged, metric

S = AgentStatus
Cause = Callable[[Crew], Awaitable[None]]


@dataclass(frozen=True)
class Row:
    """What `cause` leads to: the metric grows by `times`, and as many lines of the log tell it."""

    cause: Cause
    metric: str
    labels: Mapping[str, str]
    event: str
    fields: Mapping[str, object] = field(default_factory=dict[str, object])
    times: int = 1


async def first_join(crew: Crew) -> None:
    assert await crew.accepted(JoinAgent("a", "d1"))
    assert not await crew.accepted(JoinAgent("a", "d1")), "a repeat is none"


async def returns(crew: Crew) -> None:
    await first_join(crew)
    assert await crew.accepted(LeaveAgent("a"))
    assert await crew.accepted(JoinAgent("a"))


async def replaced(crew: Crew) -> None:
    await first_join(crew)
    assert await crew.accepted(JoinAgent("b", "d1"))


async def repeated(crew: Crew) -> None:
    """Whose answer was lost asks again, also when another one has joined: neither is a join."""
    once, join = uuid4(), JoinAgent("a", "d1")
    first = await crew.ask(join, command_id=once)
    assert await crew.ask(join, command_id=once) == first
    assert await crew.accepted(JoinAgent("b", "d1"))
    assert await crew.ask(join, command_id=once) == first


async def join_superseded(crew: Crew) -> None:
    await replaced(crew)
    assert await crew.refused(JoinAgent("a", "d1")) is ErrorCode.SUPERSEDED


async def beat_until_told(crew: Crew, kind: str) -> None:
    """The recorder may not have read of the newest step yet. What was told is not told again for a while."""

    async def told() -> bool:
        await crew.beat("a")
        return any(subject.endswith(f".{kind}") for subject, _ in crew.signals)

    await eventually(told, every=0.1)


async def heartbeat_superseded(crew: Crew) -> None:
    await replaced(crew)
    await beat_until_told(crew, "superseded")


async def rejoin(crew: Crew) -> None:
    await first_join(crew)
    assert await crew.accepted(ReportAgentStatus(S.DEAD))
    await beat_until_told(crew, "rejoin_required")


async def restarted(crew: Crew) -> None:
    """Once by a person, once by its daemon."""
    await first_join(crew)
    await crew.connected()
    assert await crew.accepted(RestartAgent("stuck"))
    assert await crew.accepted(JoinAgent("a", "d1"))
    assert await crew.accepted(ReportAgentStatus(S.RESTARTING))


async def exhausted(crew: Crew) -> None:
    await first_join(crew)
    assert await crew.accepted(ReportAgentStatus(S.RESTARTING))
    assert await crew.accepted(ReportAgentStatus(S.DEAD_FAILED_REVIVE))


async def supervised(crew: Crew) -> None:
    crew.fleet.contracts.add("c1")
    await crew.fleet.beat(supervisor_beat("t1", contract_id="c1"))
    await crew.fleet.until("supervisor-t1", 1)
    await crew.connected()


async def ask_supervisor(crew: Crew, name: str, data: object, command_id: UUID | None = None) -> None:
    request: Request[object] = Request(command_id or uuid4(), "t1", data)
    reply = await crew.fleet.service.bus.ask(app.NAME, name, request)
    assert isinstance(reply, Accepted), reply


async def supervisor_restarted(crew: Crew) -> None:
    await supervised(crew)
    await ask_supervisor(crew, "restart_supervisor", {"reason": "hangs"})


async def restoring(crew: Crew) -> None:
    await supervised(crew)
    await ask_supervisor(crew, "restore_supervisor", RestoreSupervisor("c1", "d1", "k2"))


async def restored_again(crew: Crew) -> None:
    """By a repeat, which changes nothing."""
    await supervised(crew)
    once = uuid4()
    for _ in range(2):
        await ask_supervisor(crew, "restore_supervisor", RestoreSupervisor("c1", "d1", "k2"), once)


async def saved_again(crew: Crew) -> None:
    await supervised(crew)
    once, save = uuid4(), SaveState("c1", "phase", '{"phase": "plan"}', "t1-1")
    for _ in range(2):
        await ask_supervisor(crew, "save_state", save, once)


async def restored(crew: Crew) -> None:
    await restoring(crew)
    await crew.fleet.beat(supervisor_beat("t1", contract_id="c1", connection_id="k2"))
    await crew.fleet.until("supervisor-t1", 4)


JOINS, SUPERSEDED = "makima_agent_joins_total", "makima_agents_superseded_total"
ROWS: dict[str, Row] = {
    "the first join": Row(first_join, JOINS, {"kind": "first"}, "agent.joined", {"old_status": S.OFFLINE}),
    "a return": Row(returns, JOINS, {"kind": "return"}, "agent.returned", {"connection_id": "a"}),
    "a replacement": Row(replaced, JOINS, {"kind": "replacement"}, "agent.replaced", {"connection_id": "b"}),
    "a repeat of a join that is in force": Row(repeated, JOINS, {"kind": "return"}, "agent.returned", times=0),
    "a repeat of a join of before": Row(repeated, JOINS, {"kind": "replacement"}, "agent.replaced"),
    "a superseded join": Row(join_superseded, SUPERSEDED, {"by": "join"}, "agent.join_superseded"),
    "a superseded beat": Row(heartbeat_superseded, SUPERSEDED, {"by": "heartbeat"}, "agent.superseded_told"),
    "asked to rejoin": Row(rejoin, "makima_agents_asked_to_rejoin_total", {}, "agent.rejoin_told"),
    "restarts": Row(
        restarted, "makima_agent_restarts_total", {}, "agent.status_changed",
        {"trigger": "restart_initiated", "new_status": S.RESTARTING}, times=2,
    ),
    "exhausted": Row(
        exhausted, "makima_agent_restarts_exhausted_total", {}, "agent.status_changed",
        {"trigger": "restart_exhausted", "new_status": S.DEAD_FAILED_REVIVE},
    ),
    "a supervisor's restart": Row(
        supervisor_restarted, "makima_supervisor_restarts_total", {}, "supervisor.restart_requested",
        {"supervisor_id": "t1"},
    ),
    "a restoration": Row(
        restoring, "makima_supervisor_restorations_total", {"outcome": "fresh"}, "supervisor.restoring",
        {"outcome": "fresh"},
    ),
    "a repeat of a restoration": Row(
        restored_again, "makima_supervisor_restorations_total", {"outcome": "fresh"}, "supervisor.restoring",
    ),
    "a repeat of a save": Row(
        saved_again, "makima_supervisor_saves_total", {"kind": "phase"}, "supervisor.saved",
    ),
    "a proved restoration": Row(
        restored, "makima_supervisor_restorations_proved_total", {}, "supervisor.restoration_proved",
        {"supervisor_id": "t1"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ROWS)
async def test_what_happens_is_counted_and_logged(crew: Crew, what: str) -> None:
    row = ROWS[what]
    before = metric(row.metric, row.labels)
    with capture_logs() as lines:
        await row.cause(crew)

        async def told() -> bool:
            return len(logged(lines, row.event, **row.fields)) >= row.times

        await eventually(told, because=f"{row.event} was not logged")
    assert len(logged(lines, row.event, **row.fields)) == row.times
    assert metric(row.metric, row.labels) - before == row.times
    agents = [line for line in lines if str(line["event"]).startswith("agent.") and "agent_id" in line]
    assert {line["agent_id"] for line in agents} <= {AGENT}
