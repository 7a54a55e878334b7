"""What an agent's event returns to `pending`: all that its role held before, and once."""

import pytest
from makima_contract.domain.returns import tasks_to_return
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus, ReturnReason

from tests.services.contract.contract_states import IN, STARTED, given, opened

S = ContractStatus
PENDING = (opened(), STARTED, e.TaskCreated("t1", "write", "plan", "builder"))
CLAIMED = (*PENDING, e.TaskClaimed("t1", "builder", "old", 1))
RUNNING = (*CLAIMED, e.TaskStarted("t1", "old", 2))
LEFT = c.ReturnTasks("builder", 3, "agent_left")


@pytest.mark.parametrize("story", [CLAIMED, RUNNING], ids=["claimed", "running"])
def test_what_the_role_held_is_pending_again_running_tasks_too(story: tuple[e.ContractEvent, ...]) -> None:
    returned = given(*story).when(LEFT).then(e.TaskReleased("t1", "agent_left"))
    assert returned.after.tasks["t1"].held_by is None
    given(*story, *returned.events).when(LEFT).then_nothing()


def test_what_was_taken_since_is_not_returned_however_late_the_command_comes() -> None:
    again = (*RUNNING, e.TaskReleased("t1", "agent_left"), e.TaskClaimed("t1", "builder", "old", 3))
    given(*again).when(LEFT).then_nothing()
    started_since = (*CLAIMED, e.TaskStarted("t1", "new", 3))
    given(*started_since).when(LEFT).then_nothing()


def test_the_connection_that_joined_keeps_what_it_holds() -> None:
    """It claimed as a plain script, and then became an agent."""
    story = (*PENDING, e.TaskClaimed("t1", "builder", "new", 0))
    given(*story).when(c.ReturnTasks("builder", 1, "agent_superseded", "new")).then_nothing()
    given(*story).when(c.ReturnTasks("builder", 1, "agent_superseded", "newer")).then(
        e.TaskReleased("t1", "agent_superseded")
    )
    unnamed = (*PENDING, e.TaskClaimed("t1", "builder"))
    given(*unnamed).when(c.ReturnTasks("builder", 1, "agent_superseded", "new")).then(
        e.TaskReleased("t1", "agent_superseded")
    )


def test_only_what_this_role_holds_is_returned() -> None:
    other = (e.TaskCreated("t2", "read", "plan"), e.TaskClaimed("t2", "reviewer", "r", 0))
    done = (e.TaskCreated("t3", "plan", "plan"), e.TaskCompleted("t3", "plan"))
    given(*RUNNING, *other, *done).when(LEFT).then(e.TaskReleased("t1", "agent_left"))


@pytest.mark.parametrize("status", [S.PAUSED, S.BLOCKED])
def test_tasks_return_while_the_contract_is_paused_or_blocked(status: S) -> None:
    created, *rest = IN[status]
    given(created, *CLAIMED[2:], *rest).when(LEFT).then(e.TaskReleased("t1", "agent_left"))


@pytest.mark.parametrize("status", [S.COMPLETED, S.FAILED, S.ARCHIVED])
def test_in_a_contract_that_has_ended_nothing_is_returned(status: S) -> None:
    created, *rest = IN[status]
    given(created, *CLAIMED[2:], *rest).when(LEFT).then_nothing()


def test_which_events_of_an_agent_return_tasks_at_once() -> None:
    joined = AgentJoined("c1", "builder", "new", "d1")
    assert tasks_to_return(joined, 7, new_connection=True) == c.ReturnTasks(
        "builder", 7, "agent_superseded", "new"
    )
    assert tasks_to_return(joined, 7, new_connection=False) is None, "the same process is back"
    left = AgentLeft("c1", "builder", None)
    assert tasks_to_return(left, 7, new_connection=False) == c.ReturnTasks("builder", 7, "agent_left")
    expected: dict[AgentStatus, ReturnReason] = {
        AgentStatus.DEAD_FAILED_REVIVE: "agent_dead_failed_revive",
    }
    for status in AgentStatus:
        changed = AgentStatusChanged("c1", "builder", AgentStatus.READY, status, "any")
        returned = tasks_to_return(changed, 7, new_connection=False)
        assert (returned and returned.reason) == expected.get(status)
