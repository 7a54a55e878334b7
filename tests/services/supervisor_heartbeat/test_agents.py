"""Agents on the bus: they join and leave, are restarted and judged, and follow their tasks."""

from collections.abc import Callable
from typing import cast
from uuid import uuid4

import orjson
from makima_schemas import subjects
from makima_schemas.agent import (
    AgentCommand,
    AgentJoined,
    AgentLeft,
    AgentStatus,
    AgentStatusChanged,
    CleanUpAgent,
    DeclareAgentSilent,
    DeclareRestartExpired,
    JoinAgent,
    LeaveAgent,
    ReportAgentStatus,
    RestartAgent,
)
from makima_schemas.codec import Event
from makima_schemas.commands import Accepted, Problem, Reply, Request, decode_reply
from makima_schemas.contract.events import ContractDeleted, TaskClaimed, TaskReleased
from makima_schemas.errors import ErrorCode
from makima_supervisor_heartbeat import app

from tests.daemon_requests import ask_as_daemon
from tests.services.supervisor_heartbeat.crew import AGENT, STREAM, Crew
from tests.services.supervisor_heartbeat.harness import daemon_beat

S = AgentStatus


async def test_an_agent_joins_leaves_and_is_fenced_by_its_successor(crew: Crew) -> None:
    first, command_id = JoinAgent("a", "d1"), uuid4()
    joined = await crew.ask(first, command_id=command_id)
    assert joined == await crew.ask(first, command_id=command_id)
    assert not await crew.accepted(first)
    assert await crew.accepted(LeaveAgent("a"))
    assert not await crew.accepted(LeaveAgent())
    assert await crew.accepted(JoinAgent("a"))
    assert await crew.accepted(JoinAgent("b"))
    for zombie in (JoinAgent("a"), LeaveAgent("a"), ReportAgentStatus(S.DEAD, "a")):
        assert await crew.refused(zombie) is ErrorCode.SUPERSEDED
    assert isinstance(joined, Accepted)
    assert joined == await crew.ask(first, command_id=command_id), "the first answer, also now"
    events = await crew.fleet.events(STREAM)
    assert [type(event) for event in events] == [AgentJoined, AgentLeft, AgentJoined, AgentJoined]
    assert [getattr(event, "joined_at", None) is not None for event in events] == [True, False, True, True]


async def test_a_connection_is_fenced_for_good_by_what_is_remembered_of_every_one(crew: Crew) -> None:
    await crew.fleet.pool.execute(
        "insert into supervisor_heartbeat.agent_connections values ('default', 'c1', 'builder', 'ancient')"
    )
    assert await crew.refused(JoinAgent("ancient")) is ErrorCode.SUPERSEDED


async def test_only_agents_of_contracts_that_exist_join(crew: Crew) -> None:
    assert await crew.refused(JoinAgent("a"), "c9:builder") is ErrorCode.CONTRACT_NOT_FOUND
    assert await crew.refused(JoinAgent("a"), "c1:supervisor") is ErrorCode.INVALID_REQUEST
    assert await crew.refused(JoinAgent("a"), "c1") is ErrorCode.INVALID_REQUEST
    assert await crew.refused(LeaveAgent("a")) is ErrorCode.PARTICIPANT_NOT_FOUND
    assert await crew.refused(RestartAgent()) is ErrorCode.PARTICIPANT_NOT_FOUND
    await crew.append(ContractDeleted())
    assert await crew.refused(JoinAgent("a")) is ErrorCode.CONTRACT_NOT_FOUND
    assert await crew.fleet.events(STREAM) == []


async def test_a_daemon_speaks_for_the_agents_of_its_contracts_and_for_no_others(crew: Crew) -> None:
    async def ask(daemon_id: str, target: str, name: str, said: AgentCommand) -> Reply | dict[str, object]:
        body = orjson.dumps({"command_id": uuid4(), "target": target, "data": said})
        return decode_reply(await ask_as_daemon(crew.fleet.nats, daemon_id, app.NAME, name, body))

    assert isinstance(await ask("d1", AGENT, "join_agent", JoinAgent("a", "another")), Accepted)
    [joined] = await crew.fleet.events(STREAM)
    assert isinstance(joined, AgentJoined)
    assert joined.daemon_id == "d1", "whatever it says"
    for daemon_id, target in (("d2", AGENT), ("d1", "c2:builder"), ("d1", "c9:builder")):
        refused = await ask(daemon_id, target, "join_agent", JoinAgent("b"))
        assert isinstance(refused, Problem)
        assert (refused.code, refused.detail) == (ErrorCode.CONTRACT_NOT_FOUND, "there is no such contract")
    forbidden = await ask("d1", AGENT, "clean_up_agent", CleanUpAgent())
    assert isinstance(forbidden, Problem)
    assert forbidden.code is ErrorCode.FORBIDDEN


async def test_a_restart_is_signalled_to_a_connected_daemon_and_recorded(crew: Crew) -> None:
    assert await crew.accepted(JoinAgent("a", "d1"))
    assert await crew.refused(RestartAgent("stuck")) is ErrorCode.UNAVAILABLE
    await crew.fleet.beat(daemon_beat("d1"))
    await crew.fleet.until("daemon-d1", 1)
    assert await crew.accepted(RestartAgent("stuck"))
    body = {"contract_id": "c1", "role": "builder", "connection_id": "a", "reason": "stuck"}
    assert crew.signals == [(subjects.daemon_signal("d1", "restart"), body)]
    assert await crew.refused(RestartAgent()) is ErrorCode.INVALID_TRANSITION
    assert len(crew.signals) == 1
    assert await crew.accepted(ReportAgentStatus(S.DEAD_FAILED_REVIVE, reason="three times"))
    assert await crew.accepted(JoinAgent("b", "d1"))
    changes = [each for each in await crew.fleet.events(STREAM) if isinstance(each, AgentStatusChanged)]
    assert [each.trigger for each in changes] == ["restart_initiated", "restart_exhausted"]


async def test_verdicts_about_agents_are_applied_unless_they_come_too_late(crew: Crew) -> None:
    """In one message: one about a heartbeat that is followed by another, one about a connection that is not in
    force, one of another agent's restart.
    """
    assert await crew.accepted(JoinAgent("a", "d1"))
    first = await crew.beat("a")
    second = await crew.beat("a", seq=2)
    await crew.fleet.recorded()
    await crew.fleet.pool.execute(
        "update supervisor_heartbeat.watermarks set observed_at = now() + interval '1 hour'"
    )
    stale, true = await crew.silence(first), await crew.silence(second)
    never = await crew.silence(second, after=1.0)
    question: dict[str, object] = {
        "agents": [
            Request(uuid4(), AGENT, DeclareAgentSilent("a", stale)),
            Request(uuid4(), AGENT, DeclareAgentSilent("z", true)),
            Request(uuid4(), AGENT, DeclareAgentSilent("a", never)),
            Request(uuid4(), AGENT, {"connection_id": "a"}),
            Request(uuid4(), AGENT, DeclareAgentSilent("a", true)),
        ],
        "restarts": [Request(uuid4(), AGENT, DeclareRestartExpired(1, true))],
    }
    answer = await crew.fleet.service.bus.query(app.NAME, "declare_all", question)
    assert isinstance(answer, dict)
    replies = [decode_reply(orjson.dumps(each)) for each in cast("list[object]", answer["agents"])]
    assert [getattr(each, "changed", None) for each in replies] == [False, False, False, None, True]
    [dead] = [each for each in await crew.fleet.events(STREAM) if isinstance(each, AgentStatusChanged)]
    assert (dead.new_status, dead.trigger, dead.evidence) == (S.DEAD, "heartbeat_expired", true)
    assert await crew.accepted(JoinAgent("a"))
    late = await crew.silence(second, after=30.0)
    assert not await crew.accepted(DeclareAgentSilent("a", late)), "it joined after that"
    assert await crew.accepted(ReportAgentStatus(S.RESTARTING))
    assert not await crew.accepted(DeclareRestartExpired(3, true))
    assert await crew.accepted(DeclareRestartExpired(4, true))
    assert await crew.accepted(CleanUpAgent())
    assert not await crew.accepted(CleanUpAgent())


async def test_an_agents_status_follows_its_tasks(crew: Crew) -> None:
    def became(status: AgentStatus) -> Callable[[Event], bool]:
        return lambda event: getattr(event, "new_status", None) is status

    await crew.append(TaskClaimed("t1", "builder", "a"))
    assert await crew.accepted(JoinAgent("a", "d1"))
    await crew.newest(AgentStatusChanged, became(S.WORKING))
    await crew.append(TaskClaimed("t2", "builder", "a"), TaskReleased("t1"))
    assert await crew.accepted(ReportAgentStatus(S.DEAD))
    assert await crew.accepted(JoinAgent("a", "d1"))
    back = await crew.newest(AgentJoined)
    assert isinstance(back, AgentJoined)
    assert back.new_status is S.WORKING, "it comes back to its task"
    await crew.append(TaskReleased("t2"))
    await crew.newest(AgentStatusChanged, became(S.READY))
    assert await crew.accepted(ReportAgentStatus(S.WORKING))
    await crew.append(TaskClaimed("t3", "reviewer"), TaskClaimed("t4", "builder"), TaskReleased("t4"))
    done = await crew.newest(AgentStatusChanged, became(S.READY))
    assert isinstance(done, AgentStatusChanged)
    assert done.trigger == "tasks_done", "what it said of itself held until its tasks changed"
    assert await crew.fleet.pool.fetchval("select count(*) from supervisor_heartbeat.held_tasks") == 1
