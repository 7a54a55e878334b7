"""Deliverables and tasks: what may be done, by whom, and once."""

import pytest
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.contract.contract_types import contract_types
from makima_schemas.errors import ErrorCode

from tests.services.contract.contract_states import PLANNED, STARTED, given, opened

ACTIVE = (opened(), STARTED)
PENDING = (*ACTIVE, e.TaskCreated("t1", "write", "plan", "builder", "step by step"))
CLAIMED = (*PENDING, e.TaskClaimed("t1", "builder", "new"))
RUNNING = (*CLAIMED, e.TaskStarted("t1", "new"))


@pytest.mark.parametrize(
    ("phase", "deliverable_id"),
    [
        (phase, deliverable.id)
        for phases in contract_types().values()
        for phase in phases
        for deliverable in phase.deliverables
    ],
)
def test_every_deliverable_of_every_phase_can_be_completed(phase: object, deliverable_id: str) -> None:
    phases = contract_types()["specification"]
    name = next(declared.name for declared in phases if declared == phase)
    given(opened(*phases), STARTED).when(c.CompleteDeliverable(deliverable_id, name)).then(
        e.DeliverableCompleted(name, deliverable_id)
    )


def test_a_deliverable_is_looked_up_in_the_current_phase_unless_another_is_named() -> None:
    given(*ACTIVE).when(c.CompleteDeliverable("plan-document", evidence="plan.md")).then(
        e.DeliverableCompleted("plan", "plan-document", "plan.md")
    )
    given(*ACTIVE).when(c.CompleteDeliverable("pull-request")).then_refused(
        ErrorCode.INVALID_DELIVERABLE, phase="plan", valid=["plan-document"]
    )
    given(*ACTIVE).when(c.CompleteDeliverable("pull-request", "execute")).then(
        e.DeliverableCompleted("execute", "pull-request")
    )
    unknown = given(*ACTIVE).when(c.CompleteDeliverable("plan-document", "celebrate"))
    assert (
        "not declared"
        in unknown.then_refused(ErrorCode.INVALID_DELIVERABLE, phase="celebrate", valid=[]).detail
    )


def test_completing_a_deliverable_again_changes_nothing() -> None:
    given(*ACTIVE, PLANNED).when(c.CompleteDeliverable("plan-document", evidence="another")).then_nothing()


def test_a_task_belongs_to_the_current_phase_unless_another_is_named() -> None:
    given(*ACTIVE).when(c.CreateTask("t1", "write")).then(e.TaskCreated("t1", "write", "plan"))
    given(*ACTIVE).when(c.CreateTask("t1", "write", "execute", "builder")).then(
        e.TaskCreated("t1", "write", "execute", "builder")
    )
    given(*ACTIVE).when(c.CreateTask("t1", "write", "celebrate")).then_refused(ErrorCode.INVALID_REQUEST)
    given(*PENDING).when(c.CreateTask("t1", "write again")).then_refused(ErrorCode.INVALID_REQUEST)


def test_a_task_goes_from_pending_to_its_end() -> None:
    given(*PENDING).when(c.ClaimTask("t1", "builder", "new")).then(e.TaskClaimed("t1", "builder", "new"))
    given(*CLAIMED).when(c.StartTask("t1", "new")).then(e.TaskStarted("t1", "new"))
    given(*RUNNING).when(c.CompleteTask("t1", success=True, result="done")).then(
        e.TaskCompleted("t1", "write", "done")
    )
    given(*RUNNING).when(c.CompleteTask("t1", success=False, result="broken")).then(
        e.TaskFailed("t1", "write", "broken")
    )


@pytest.mark.parametrize("story", [PENDING, CLAIMED, RUNNING], ids=["pending", "claimed", "running"])
def test_a_task_may_be_completed_before_it_was_started(story: tuple[e.ContractEvent, ...]) -> None:
    given(*story).when(c.CompleteTask("t1", success=True)).then(e.TaskCompleted("t1", "write"))


@pytest.mark.parametrize("story", [CLAIMED, RUNNING], ids=["claimed", "running"])
def test_a_released_task_is_free_for_another_connection(story: tuple[e.ContractEvent, ...]) -> None:
    released = given(*story).when(c.ReleaseTask("t1", "new", "gone")).then(e.TaskReleased("t1", "gone"))
    assert released.after.tasks["t1"].connection_id is None
    given(*story, *released.events).when(c.ClaimTask("t1", "builder", "newer")).then(
        e.TaskClaimed("t1", "builder", "newer")
    )


def test_only_what_the_tables_row_says_can_be_done_with_a_task() -> None:
    given(*PENDING).when(c.StartTask("t1")).then_refused(
        ErrorCode.INVALID_TRANSITION, **{"from": "pending", "to": "running"}
    )
    given(*PENDING).when(c.ReleaseTask("t1")).then_refused(
        ErrorCode.INVALID_TRANSITION, allowed=["claimed", "completed", "failed"]
    )
    given(*CLAIMED).when(c.ClaimTask("t1", "builder")).then_refused(ErrorCode.INVALID_TRANSITION)
    ended = (*RUNNING, e.TaskCompleted("t1", "write"))
    for command in (
        c.CompleteTask("t1", success=False),
        c.ReleaseTask("t1"),
        c.HandOffTask("t1", "reviewer", "t2"),
    ):
        given(*ended).when(command).then_refused(ErrorCode.INVALID_TRANSITION, allowed=list[str]())


def test_an_unknown_task_is_not_found() -> None:
    given(*ACTIVE).when(c.ClaimTask("t1", "builder")).then_refused(ErrorCode.TASK_NOT_FOUND)


@pytest.mark.parametrize(
    "command",
    [
        c.StartTask("t1", "old"),
        c.ReleaseTask("t1", "old"),
        c.CompleteTask("t1", success=True, connection_id="old"),
        c.HandOffTask("t1", "x", "t2", connection_id="old"),
    ],
)
def test_an_older_connection_cannot_touch_a_task_that_a_newer_one_holds(command: c.ContractCommand) -> None:
    given(*CLAIMED).when(command).then_refused(ErrorCode.SUPERSEDED)


def test_who_claimed_a_task_holds_it_also_when_somebody_else_says_that_it_started() -> None:
    said_by_the_daemon = (*CLAIMED, e.TaskStarted("t1"))
    given(*said_by_the_daemon).when(c.CompleteTask("t1", success=True, connection_id="old")).then_refused(
        ErrorCode.SUPERSEDED
    )


def test_who_started_a_task_that_was_claimed_without_a_name_holds_it() -> None:
    story = (*PENDING, e.TaskClaimed("t1", "builder"), e.TaskStarted("t1", "new"))
    given(*story).when(c.CompleteTask("t1", success=True, connection_id="old")).then_refused(
        ErrorCode.SUPERSEDED
    )
    given(*story).when(c.CompleteTask("t1", success=True, connection_id="new")).then(
        e.TaskCompleted("t1", "write")
    )


def test_a_task_that_nobody_holds_by_a_connection_is_fenced_against_none() -> None:
    given(*PENDING, e.TaskClaimed("t1", "builder")).when(c.StartTask("t1", "any")).then(
        e.TaskStarted("t1", "any")
    )


def test_a_task_is_claimed_only_under_the_role_it_waits_for() -> None:
    given(*PENDING).when(c.ClaimTask("t1", "reviewer")).then_refused(ErrorCode.FORBIDDEN)
    given(*ACTIVE, e.TaskCreated("t1", "write", "plan")).when(c.ClaimTask("t1", "reviewer")).then(
        e.TaskClaimed("t1", "reviewer")
    )


def test_handing_on_completes_a_task_and_makes_one_for_the_other_role() -> None:
    given(*RUNNING).when(c.HandOffTask("t1", "reviewer", "t2", "draft", "new")).then(
        e.TaskCompleted("t1", "write", "draft"),
        e.TaskCreated("t2", "write", "plan", "reviewer", "step by step"),
    )
    given(*RUNNING).when(c.HandOffTask("t1", "reviewer", "t1")).then_refused(ErrorCode.INVALID_REQUEST)


@pytest.mark.parametrize(
    ("before", "command"),
    [
        (CLAIMED, c.ClaimTask("t1", "builder", "new")),
        (RUNNING, c.ClaimTask("t1", "builder", "new")),
        (RUNNING, c.StartTask("t1", "new")),
        ((*RUNNING, e.TaskCompleted("t1", "write", "done")), c.CompleteTask("t1", True, "done", "new")),
        ((*RUNNING, e.TaskFailed("t1", "write", "no")), c.CompleteTask("t1", False, "no", "new")),
    ],
)
def test_a_connection_that_repeats_itself_gets_the_first_answer(
    before: tuple[e.ContractEvent, ...], command: c.ContractCommand
) -> None:
    given(*before).when(command).then()


@pytest.mark.parametrize("since", [(), (e.ContractArchived(),)], ids=["completed", "archived"])
@pytest.mark.parametrize(
    ("done", "command"),
    [
        (e.TaskCompleted("t1", "write", "done"), c.CompleteTask("t1", True, "done", "new")),
        (e.TaskFailed("t1", "write", "no"), c.CompleteTask("t1", False, "no", "new")),
        (e.DeliverableCompleted("plan", "plan-document"), c.CompleteDeliverable("plan-document")),
    ],
    ids=["a task", "a failed task", "a deliverable"],
)
def test_who_repeats_the_last_thing_to_do_gets_the_first_answer_though_the_contract_is_completed_by_now(
    done: e.ContractEvent, command: c.ContractCommand, since: tuple[e.ContractEvent, ...]
) -> None:
    given(*RUNNING, done, e.ContractCompleted("no_worktrees"), *since).when(command).then()


def test_what_is_new_is_refused_when_the_contract_is_completed() -> None:
    done = (*RUNNING, e.TaskCompleted("t1", "write", "done"), e.ContractCompleted("no_worktrees"))
    for command in (
        c.CompleteTask("t1", False, "no", "new"),
        c.CompleteTask("t1", True, "done", "other"),
        c.CompleteTask("t1", True, "done"),
        c.CompleteDeliverable("plan-document"),
    ):
        given(*done).when(command).then_refused(ErrorCode.INVALID_TRANSITION)


@pytest.mark.parametrize(
    ("before", "command"),
    [
        (CLAIMED, c.ClaimTask("t1", "builder", "other")),
        (RUNNING, c.StartTask("t1", None)),
        ((*RUNNING, e.TaskCompleted("t1", "write", "done")), c.CompleteTask("t1", False, "no", "new")),
    ],
)
def test_what_is_no_repeat_is_refused(
    before: tuple[e.ContractEvent, ...], command: c.ContractCommand
) -> None:
    given(*before).when(command).then_refused(ErrorCode.INVALID_TRANSITION)


@pytest.mark.parametrize("answer", ["maybe", "", "Yes"])
def test_what_is_to_be_confirmed_is_answered_yes_or_no(answer: str) -> None:
    asked = (*ACTIVE, e.QuestionAsked("q1", "Deploy?", "confirm", ()))
    given(*asked).when(c.AnswerQuestion("q1", answer)).then_refused(ErrorCode.INVALID_REQUEST)
    given(*asked).when(c.AnswerQuestion("q1", "no")).then(e.QuestionAnswered("q1", "no"))
