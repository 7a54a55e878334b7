"""domain.md, Work: the table of a task's statuses as it is written there, held against the one that runs."""

import pytest
from makima_contract.domain.statuses import TASKS as TABLE_OF_TASKS
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.contract.events import ContractEvent
from makima_schemas.contract.model import ContractStatus, TaskStatus
from makima_schemas.errors import ErrorCode

from tests.services.contract.contract_states import (
    IN,
    given,
)

# domain.md, Work: command → the statuses it is accepted in, what it records, where that leads.
S = ContractStatus
T = TaskStatus


TASK_PAGE: tuple[tuple[ContractCommand, str, type[ContractEvent], T], ...] = (
    (c.ClaimTask("t", "builder"), "pending", e.TaskClaimed, T.CLAIMED),
    (c.StartTask("t"), "claimed", e.TaskStarted, T.RUNNING),
    (c.ReleaseTask("t"), "claimed running", e.TaskReleased, T.PENDING),
    (c.ReturnTasks("builder", 1, "agent_left"), "claimed running", e.TaskReleased, T.PENDING),
    (c.CompleteTask("t", success=True), "pending claimed running", e.TaskCompleted, T.COMPLETED),
    (c.CompleteTask("t", success=False), "pending claimed running", e.TaskFailed, T.FAILED),
    (c.HandOffTask("t", "reviewer", "next"), "pending claimed running", e.TaskCompleted, T.COMPLETED),
)


CLAIMED = (e.TaskCreated("t", "build it", "plan"), e.TaskClaimed("t", "builder"))


TASK_IN: dict[T, tuple[ContractEvent, ...]] = {
    T.PENDING: CLAIMED[:1],
    T.CLAIMED: CLAIMED,
    T.RUNNING: (*CLAIMED, e.TaskStarted("t")),
    T.COMPLETED: (*CLAIMED, e.TaskCompleted("t", "build it")),
    T.FAILED: (*CLAIMED, e.TaskFailed("t", "build it")),
}


@pytest.mark.parametrize(
    ("command", "accepted", "event", "there"), TASK_PAGE, ids=lambda value: type(value).__name__
)
@pytest.mark.parametrize("status", T)
def test_every_task_command_in_every_task_status_does_what_the_page_says(
    status: T, command: ContractCommand, accepted: str, event: type[ContractEvent], there: T
) -> None:
    asked = given(*IN[S.ACTIVE], *TASK_IN[status]).when(command)
    if status in accepted.split():
        assert asked.refused is None
        assert type(asked.events[0]) is event
        assert TABLE_OF_TASKS.covers(status, type(command), event)
        assert asked.after.tasks["t"].status is there
    elif isinstance(command, c.ReturnTasks):
        asked.then_nothing()
    else:
        asked.then_refused(ErrorCode.INVALID_TRANSITION, **{"from": str(status)})


@pytest.mark.parametrize("command", [c.CreateTask, c.HandOffTask])
def test_a_task_begins_where_it_is_created_or_handed_on(command: type) -> None:
    assert TABLE_OF_TASKS.covers(None, command, e.TaskCreated)
