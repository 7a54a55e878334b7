"""agents.md, Quiet times, maintenance: agents of a paused contract are never restarted, by whomever it is asked for."""

from uuid import uuid4

import pytest
from makima_kernel.testing import scenario
from makima_schemas import subjects
from makima_schemas.agent import AgentJoined, AgentStatus, AgentStatusChanged, JoinAgent, RestartAgent
from makima_schemas.commands import Accepted, Problem, Reply, Request
from makima_schemas.contract.events import ContractPaused, ContractResumed, ContractStarted
from makima_schemas.contract.model import ContractStatus
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import SupervisorRegistered, SupervisorRestartRequested, SupervisorState
from makima_supervisor_heartbeat import app
from makima_supervisor_heartbeat.domain.agents.statuses import LIFECYCLE
from makima_supervisor_heartbeat.domain.agents.triggers import OrderAgentRestart
from makima_supervisor_heartbeat.domain.supervisor import OrderRestart, SupervisorDecider

from tests.services.supervisor_heartbeat.agent_states import STORIES, given
from tests.services.supervisor_heartbeat.crew import STREAM, Crew
from tests.services.supervisor_heartbeat.harness import supervisor_beat
from tests.services.supervisor_heartbeat.supervisor_events import registered

given_supervisor = scenario(SupervisorDecider())
RESUME_FIRST = "resume the contract first, then restart"
RESTARTED = [status for status in AgentStatus if LIFECYCLE.allowed(status, OrderAgentRestart)]


@pytest.mark.parametrize("contract", [None, *ContractStatus])
@pytest.mark.parametrize("status", RESTARTED)
def test_an_agent_is_restarted_in_every_contract_but_a_paused_one(
    status: AgentStatus, contract: ContractStatus | None
) -> None:
    order = OrderAgentRestart(None, "d1", daemon_connected=True, contract=contract)
    outcome = given(*STORIES[status]).when(order)
    if contract is not ContractStatus.PAUSED:
        assert outcome.after.status is AgentStatus.RESTARTING
        return
    refused = outcome.then_refused(ErrorCode.INVALID_TRANSITION)
    assert (refused.hint, refused.detail) == (
        RESUME_FIRST,
        "the contract is paused: nobody is restarted in it",
    )
    assert (refused.members["from"], refused.members["to"]) == (status, "restarting")
    allowed = [each.value for each in LIFECYCLE.targets(status) if each is not AgentStatus.RESTARTING]
    assert refused.members["allowed"] == allowed


def test_a_pause_is_said_before_a_daemon_that_is_away_and_after_an_agent_that_nobody_knows() -> None:
    order = OrderAgentRestart(None, None, daemon_connected=False, contract=ContractStatus.PAUSED)
    given(*STORIES[AgentStatus.DEAD]).when(order).then_refused(ErrorCode.INVALID_TRANSITION)
    given(*STORIES[AgentStatus.RESTARTING]).when(order).then_refused(ErrorCode.INVALID_TRANSITION)
    given().when(order).then_refused(ErrorCode.PARTICIPANT_NOT_FOUND)


@pytest.mark.parametrize("contract", [None, *ContractStatus])
def test_a_supervisor_is_restarted_in_every_contract_but_a_paused_one(
    contract: ContractStatus | None,
) -> None:
    order = OrderRestart("hangs", daemon_connected=True, contract=contract)
    outcome = given_supervisor(registered()).when(order)
    if contract is not ContractStatus.PAUSED:
        outcome.then(SupervisorRestartRequested("c1", "d1", "a", "hangs"))
        return
    assert outcome.then_refused(ErrorCode.INVALID_TRANSITION).hint == RESUME_FIRST
    away = OrderRestart(None, daemon_connected=False, contract=contract)
    given_supervisor(registered()).when(away).then_refused(ErrorCode.INVALID_TRANSITION)
    given_supervisor().when(order).then_refused(ErrorCode.SUPERVISOR_NOT_FOUND)


async def test_no_daemon_is_asked_to_restart_anybody_of_a_paused_contract(crew: Crew) -> None:
    fleet = crew.fleet

    async def restart_supervisor() -> Reply:
        request: Request[object] = Request(uuid4(), "t1", {"reason": "hangs"})
        return await fleet.service.bus.ask(app.NAME, "restart_supervisor", request)

    assert await crew.accepted(JoinAgent("a", "d1"))
    fleet.contracts.add("c1")
    await fleet.beat(supervisor_beat("t1", SupervisorState.WORKING, contract_id="c1"))
    assert isinstance((await fleet.until("supervisor-t1", 1))[0], SupervisorRegistered)
    await crew.connected()
    await crew.append(ContractStarted(), ContractPaused("lunch", ContractStatus.ACTIVE))
    assert await crew.refused(RestartAgent("stuck")) is ErrorCode.INVALID_TRANSITION
    refused = await restart_supervisor()
    assert isinstance(refused, Problem)
    assert (refused.code, refused.hint) == (ErrorCode.INVALID_TRANSITION, RESUME_FIRST)
    assert crew.signals == [], "no daemon was asked"
    assert [type(each) for each in await fleet.events(STREAM)] == [AgentJoined]
    await crew.append(ContractResumed(ContractStatus.ACTIVE))
    assert await crew.accepted(RestartAgent("stuck"))
    assert isinstance(await restart_supervisor(), Accepted)
    assert [subject for subject, _ in crew.signals] == [subjects.daemon_signal("d1", "restart")] * 2
    assert isinstance((await fleet.events(STREAM))[-1], AgentStatusChanged)
