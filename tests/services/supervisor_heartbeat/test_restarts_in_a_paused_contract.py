"""agents.md, Quiet times, maintenance: agents of a paused contract are never restarted, by whomever it is asked for."""

from uuid import uuid4

import pytest
from makima_schemas import subjects
from makima_schemas.agent import AgentJoined, AgentStatus, AgentStatusChanged, JoinAgent, RestartAgent
from makima_schemas.commands import Accepted, Problem, Reply, Request
from makima_schemas.contract.events import ContractPaused, ContractResumed, ContractStarted
from makima_schemas.contract.model import ContractStatus
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from makima_supervisor_heartbeat import app
from makima_supervisor_heartbeat.domain.restartable import restart_refusal

from tests.services.supervisor_heartbeat.crew import STREAM, Crew
from tests.services.supervisor_heartbeat.harness import supervisor_beat

RESUME_FIRST = "resume the contract first, then restart"


@pytest.mark.parametrize("contract", [None, *ContractStatus])
@pytest.mark.parametrize("status", [None, *AgentStatus, *SupervisorState])
def test_everybody_may_be_restarted_in_every_contract_but_a_paused_one(
    status: AgentStatus | SupervisorState | None, contract: ContractStatus | None
) -> None:
    """Of one that nobody knows, its decider says so."""
    refused = restart_refusal(contract, status)
    if contract is not ContractStatus.PAUSED or status is None:
        assert refused is None
        return
    assert refused is not None
    assert (refused.code, refused.hint) == (ErrorCode.INVALID_TRANSITION, RESUME_FIRST)
    assert refused.detail == "the contract is paused: nobody is restarted in it"
    assert (refused.members["from"], refused.members["to"]) == (status, "restarting")
    assert ("restarting" in str(refused.members["allowed"])) is False
    if status is AgentStatus.DEAD:
        assert refused.members["allowed"] == ["offline", "ready", "working"]


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
    restart, command_id = RestartAgent("stuck"), uuid4()
    first = await crew.ask(restart, command_id=command_id)
    assert isinstance(first, Accepted)
    assert isinstance(await restart_supervisor(), Accepted)
    assert [subject for subject, _ in crew.signals] == [subjects.daemon_signal("d1", "restart")] * 2
    assert isinstance((await fleet.events(STREAM))[-1], AgentStatusChanged)
    await crew.append(ContractPaused("tea", ContractStatus.ACTIVE))
    assert await crew.ask(restart, command_id=command_id) == first, "a repeat gets the first answer, also now"
    assert await crew.refused(RestartAgent()) is ErrorCode.INVALID_TRANSITION
