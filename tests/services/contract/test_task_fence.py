"""Who may speak for a role: the connection in force of its agent, while it lives (agents.md, Tasks and agents)."""

from collections.abc import Callable
from typing import Final

import pytest
from makima_contract.domain.agents import AgentFold, AgentRecord, TaskCall, TaskCommand, role_of
from makima_kernel.commands.decider import fold
from makima_schemas.agent import AgentEvent, AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.errors import ErrorCode

from tests.services.contract.contract_states import STARTED, given, opened

S = AgentStatus
PENDING: Final = (opened(), STARTED, e.TaskCreated("t1", "write", "plan", "builder"))
CLAIMED: Final = (*PENDING, e.TaskClaimed("t1", "builder", "old", 1))
RUNNING: Final = (*CLAIMED, e.TaskStarted("t1", "old", 1))
JOINED: Final = AgentJoined("c1", "builder", "new", "d1")

# A call of each kind by the connection, the story in which it is allowed, and the type of what it records.
CALLS: Final[dict[str, tuple[tuple[e.ContractEvent, ...], Callable[[str | None], TaskCommand], type]]] = {
    "claim": (PENDING, lambda by: c.ClaimTask("t1", "builder", by), e.TaskClaimed),
    "start": (CLAIMED, lambda by: c.StartTask("t1", by), e.TaskStarted),
    "release": (RUNNING, lambda by: c.ReleaseTask("t1", by), e.TaskReleased),
    "complete": (RUNNING, lambda by: c.CompleteTask("t1", True, None, by), e.TaskCompleted),
    "fail": (RUNNING, lambda by: c.CompleteTask("t1", False, None, by), e.TaskFailed),
    "hand off": (RUNNING, lambda by: c.HandOffTask("t1", "reviewer", "t2", None, by), e.TaskCompleted),
}


def call(command: TaskCommand, *said: AgentEvent) -> TaskCall:
    """The call, as the service hands it to the decider when the agent's stream says this."""
    return TaskCall(command, "builder", fold(AgentFold(), said), len(said))


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("by", ["new", "old", None])
def test_a_task_call_is_held_against_the_agent_of_its_role(kind: str, status: S, by: str | None) -> None:
    """The task is held by connection `old`, and `new` is in force: who is in force may go on with it."""
    story, command, recorded = CALLS[kind]
    changed = AgentStatusChanged("c1", "builder", S.READY, status, "of this test")
    asked = given(*story).when(call(command(by), JOINED, changed))
    if by == "old":
        asked.then_refused(ErrorCode.SUPERSEDED)
    elif by == "new" and status not in {S.READY, S.WORKING}:
        assert "join again" in (asked.then_refused(ErrorCode.REJOIN_REQUIRED).hint or "")
    else:
        assert asked.refused is None
        assert type(asked.events[0]) is recorded


@pytest.mark.parametrize("kind", CALLS)
def test_without_an_agent_the_task_s_own_connection_is_the_fence(kind: str) -> None:
    story, command, recorded = CALLS[kind]
    asked = given(*story).when(call(command("old")))
    assert type(asked.events[0]) is recorded
    if kind != "claim":
        given(*story).when(call(command("another"))).then_refused(ErrorCode.SUPERSEDED)


def test_who_left_must_join_again_and_is_fenced_when_another_one_joins() -> None:
    left = (JOINED, AgentLeft("c1", "builder", "new"))
    claim = c.ClaimTask("t1", "builder", "new")
    given(*PENDING).when(call(claim, *left)).then_refused(ErrorCode.REJOIN_REQUIRED)
    given(*PENDING).when(call(claim, *left, JOINED)).then(e.TaskClaimed("t1", "builder", "new", 3))
    newer = AgentJoined("c1", "builder", "newer", "d1")
    given(*PENDING).when(call(claim, *left, newer)).then_refused(ErrorCode.SUPERSEDED)


def test_who_never_joined_must_join_where_a_daemon_reported_the_agent_dead() -> None:
    reported = AgentStatusChanged("c1", "builder", S.OFFLINE, S.DEAD, "heartbeat_expired")
    asked = given(*PENDING).when(call(c.ClaimTask("t1", "builder", "new"), reported))
    asked.then_refused(ErrorCode.REJOIN_REQUIRED)


def test_a_fenced_connection_is_not_told_that_it_holds_a_task() -> None:
    """Its claim would be a repeat, if nobody had joined in its place."""
    for command in (c.ClaimTask("t1", "builder", "old"), c.StartTask("t1", "old")):
        given(*RUNNING).when(call(command, JOINED)).then_refused(ErrorCode.SUPERSEDED)


def test_what_a_connection_completed_before_it_was_fenced_stays_done_when_it_repeats_it() -> None:
    done = (*RUNNING, e.TaskCompleted("t1", "write"))
    given(*done).when(call(c.CompleteTask("t1", True, None, "old"), JOINED)).then_nothing()
    given(*done).when(call(c.CompleteTask("t1", False, None, "old"), JOINED)).then_refused(
        ErrorCode.SUPERSEDED
    )


def test_who_is_in_force_and_completed_what_its_predecessor_claimed_gets_the_first_answer_again() -> None:
    command = call(c.CompleteTask("t1", True, None, "new"), JOINED)
    done = given(*RUNNING).when(command).then(e.TaskCompleted("t1", "write"))
    given(*RUNNING, *done.events).when(command).then_nothing()


def test_a_call_is_said_in_the_role_that_claims_holds_or_is_waited_for() -> None:
    for_anybody = e.TaskCreated("t2", "read", "plan")
    state = given(*CLAIMED, for_anybody).state
    assert role_of(state, c.ClaimTask("t2", "reviewer")) == "reviewer"
    assert role_of(state, c.StartTask("t1")) == "builder"
    assert role_of(state, c.CompleteTask("t2", success=True)) is None
    assert role_of(state, c.CompleteTask("t9", success=True)) is None
    claimed = given(*CLAIMED, for_anybody, e.TaskClaimed("t2", "reviewer")).state
    assert role_of(claimed, c.CompleteTask("t2", success=True)) == "reviewer"


def test_a_claim_and_a_start_tell_at_which_version_of_the_agent() -> None:
    given(*PENDING).when(call(c.ClaimTask("t1", "builder"))).then(e.TaskClaimed("t1", "builder", None, 0))
    given(*CLAIMED).when(call(c.StartTask("t1", "new"), JOINED)).then(e.TaskStarted("t1", "new", 1))


def test_an_agent_that_nobody_knows_has_no_record() -> None:
    assert not AgentRecord().exists
