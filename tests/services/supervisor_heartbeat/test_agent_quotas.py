"""Joins without end: as many events of an agent, and agents of a contract, as the quotas allow."""

import pytest
from makima_kernel.service.http_settings import QuotaSettings
from makima_kernel.service.settings import Settings
from makima_schemas.agent import AgentCommand, AgentStatus, JoinAgent, LeaveAgent, ReportAgentStatus
from makima_schemas.commands import Accepted, Problem
from makima_schemas.errors import ErrorCode

from tests.servers import BUDGET
from tests.services.supervisor_heartbeat.crew import AGENT, STREAM, Crew

QUOTAS = QuotaSettings(agents_per_contract=2, events_per_agent=10)


@pytest.fixture
def settings(database: str, nats_url: str) -> Settings:
    return Settings(database_url=database, nats_url=nats_url, stream_budget=BUDGET, quotas=QUOTAS)


async def problem(crew: Crew, asked: AgentCommand, target: str = AGENT) -> Problem:
    reply = await crew.ask(asked, target=target)
    assert isinstance(reply, Problem), reply
    return reply


async def test_an_agent_joins_as_often_as_the_quota_allows_and_can_still_leave(crew: Crew) -> None:
    for number in range(QUOTAS.events_per_agent):
        assert await crew.accepted(JoinAgent(f"n{number}"))
    for asked in (JoinAgent("one-more"), ReportAgentStatus(AgentStatus.WORKING, "n9")):
        refused = await problem(crew, asked)
        assert refused.code is ErrorCode.QUOTA_EXCEEDED
        assert refused.members == {"quota": "events_per_agent", "limit": 10, "used": 10}
        assert "quotas.events_per_agent" in (refused.hint or "")
    assert not await crew.accepted(JoinAgent("n9")), "who is in force is told so, as it changes nothing"
    assert await crew.refused(JoinAgent("n0")) is ErrorCode.SUPERSEDED
    assert await crew.accepted(LeaveAgent("n9"))
    assert await crew.refused(JoinAgent("n9")) is ErrorCode.QUOTA_EXCEEDED
    assert len(await crew.fleet.events(STREAM)) == 11
    connections = "select count(*) from supervisor_heartbeat.agent_connections"
    assert await crew.fleet.pool.fetchval(connections) == 10


async def test_a_contract_has_as_many_agents_as_the_quota_allows_reported_ones_included(crew: Crew) -> None:
    assert await crew.accepted(JoinAgent("a"))
    reported = await crew.ask(ReportAgentStatus(AgentStatus.DEAD), target="c1:tester")
    assert isinstance(reported, Accepted)
    for asked in (JoinAgent("b"), ReportAgentStatus(AgentStatus.DEAD)):
        refused = await problem(crew, asked, "c1:reviewer")
        assert refused.code is ErrorCode.QUOTA_EXCEEDED
        assert refused.members == {"quota": "agents_per_contract", "limit": 2, "used": 2}
        assert "quotas.agents_per_contract" in (refused.hint or "")
    assert isinstance(await crew.ask(JoinAgent("c"), target="c1:tester"), Accepted), "it has a record"
    assert isinstance(await crew.ask(JoinAgent("d"), target="c2:builder"), Accepted), "another contract"
