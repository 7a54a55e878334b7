"""The supervisor's own task follows its supervisor, and ends with its contract (agents.md, Tasks and agents)."""

import pytest
from makima_contract.domain.statuses import HELD, SUPERVISOR_TASK
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus, SupervisorTaskStatus, TaskStatus

from tests.services.contract.contract_states import COMPLETING, IN, STARTED, given, opened

T = TaskStatus
CREATED = e.TaskCreated("s", "supervise", "plan", "supervisor", is_supervisor=True)
RUNNING = e.TaskStarted("s")
# In which status of the task, what its supervisor is: what is recorded. Elsewhere nothing.
IN_STATUS: dict[T, tuple[e.ContractEvent, ...]] = {
    T.PENDING: (CREATED,),
    T.CLAIMED: (CREATED, e.TaskClaimed("s", "supervisor")),
    T.RUNNING: (CREATED, RUNNING),
    T.COMPLETED: (CREATED, RUNNING, e.TaskCompleted("s", "supervise")),
    T.FAILED: (CREATED, RUNNING, e.TaskFailed("s", "supervise")),
}
STARTS, ENDS, FAILS, RETURNS = (
    RUNNING,
    e.TaskCompleted("s", "supervise"),
    e.TaskFailed("s", "supervise"),
    e.TaskReleased("s", "supervisor_silent"),
)
PAGE: dict[tuple[T, SupervisorTaskStatus], e.ContractEvent] = {
    **{(status, "running"): STARTS for status in T if status is not T.RUNNING},
    **{(status, "pending"): RETURNS for status in HELD},
    **{(status, "completed"): ENDS for status in (T.PENDING, *HELD)},
    **{(status, "failed"): FAILS for status in (T.PENDING, *HELD)},
}


@pytest.mark.parametrize("status", T)
@pytest.mark.parametrize("supervisor", ["running", "pending", "completed", "failed"])
def test_the_task_has_the_status_of_its_supervisor(status: T, supervisor: SupervisorTaskStatus) -> None:
    follow = c.FollowSupervisor("s", supervisor)
    asked = given(opened(), STARTED, *IN_STATUS[status]).when(follow)
    event = PAGE.get((status, supervisor))
    if event is None:
        asked.then_nothing()
    else:
        asked.then(event)
        assert asked.after.tasks["s"].status == supervisor
        assert SUPERVISOR_TASK.covers(status, c.FollowSupervisor, type(event))
        given(opened(), STARTED, *IN_STATUS[status], event).when(follow).then_nothing()


def test_no_other_task_follows_a_supervisor() -> None:
    given(opened(), STARTED, e.TaskCreated("t", "write", "plan")).when(
        c.FollowSupervisor("t", "running")
    ).then_nothing()
    given(opened(), STARTED).when(c.FollowSupervisor("t", "running")).then_nothing()


@pytest.mark.parametrize(
    ("status", "ending", "ends"),
    [
        (ContractStatus.ACTIVE, c.CompleteContract(), [ENDS, e.ContractCompleted("request")]),
        (ContractStatus.ACTIVE, c.FailContract("no"), [FAILS, e.ContractFailed("no")]),
        (ContractStatus.PAUSED, c.FailContract("no"), [FAILS, e.ContractFailed("no")]),
        (ContractStatus.CREATED, c.ArchiveContract(), [ENDS, e.ContractArchived()]),
        (
            ContractStatus.ACTIVE,
            c.ArchiveContract(complete_first=True),
            [ENDS, e.ContractCompleted("request"), e.ContractArchived()],
        ),
    ],
)
@pytest.mark.parametrize("task", [T.PENDING, T.CLAIMED, T.RUNNING])
def test_the_task_ends_with_its_contract(
    status: ContractStatus, ending: c.ContractCommand, ends: list[e.ContractEvent], task: T
) -> None:
    created, *rest = IN[status]
    given(created, *IN_STATUS[task], *rest).when(ending).then(*ends)


def test_the_task_ends_when_the_clean_up_ends_the_contract() -> None:
    created, *rest = COMPLETING
    given(created, CREATED, RUNNING, *rest).when(c.FinishCompletion("no_worktrees")).then(
        ENDS, e.ContractCompleted("no_worktrees")
    )


@pytest.mark.parametrize("task", [T.COMPLETED, T.FAILED])
def test_a_task_that_ended_does_not_end_again_with_its_contract(task: T) -> None:
    given(opened(), STARTED, *IN_STATUS[task]).when(c.CompleteContract()).then(e.ContractCompleted("request"))


def test_other_tasks_do_not_end_with_the_contract() -> None:
    given(opened(), STARTED, e.TaskCreated("t", "write", "plan")).when(c.CompleteContract()).then(
        e.ContractCompleted("request")
    )


def test_the_task_goes_on_when_the_contract_is_reopened() -> None:
    ended = (opened(), STARTED, CREATED, RUNNING, ENDS, e.ContractCompleted("request"))
    follow = c.FollowSupervisor("s", "running")
    given(*ended).when(follow).then_nothing()
    given(*ended, e.ContractReopened("a bug", ContractStatus.ACTIVE)).when(follow).then(RUNNING)
