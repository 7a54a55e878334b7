"""domain.md, Status: the table as it is written there, held against the one that the code runs on."""

import pytest
from makima_contract.domain.state import evolve
from makima_contract.domain.statuses import DETECTOR_REQUESTS, LIFECYCLE
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.contract.events import ContractEvent
from makima_schemas.contract.model import ContractStatus
from makima_schemas.errors import ErrorCode

from tests.services.contract.contract_states import (
    ASKED,
    ASKS,
    COMPLETING,
    IN,
    PLAN,
    PLANNED,
    STARTED,
    given,
    opened,
)

S = ContractStatus

STAYS, NOTHING_NEW = None, None

# Transcribed from the page, by hand, for what `furnished` finds: command, the statuses it is accepted in,
# what it records, where that leads.
# In paused, blocked and completing a question is open: what would lead to active leads to waiting_for_input.
WORK = "created active waiting_for_input paused blocked"
OPEN = WORK + " completing"
ROWS: tuple[tuple[type[ContractCommand], str, type[ContractEvent] | None, S | None], ...] = (
    (c.StartContract, "created", e.ContractStarted, S.ACTIVE),
    (c.PauseContract, "created active waiting_for_input blocked", e.ContractPaused, S.PAUSED),
    (c.ResumeContract, "paused", e.ContractResumed, S.WAITING_FOR_INPUT),
    (c.BlockContract, "active waiting_for_input", e.ContractBlocked, S.BLOCKED),
    (c.UnblockContract, "blocked", e.ContractUnblocked, S.WAITING_FOR_INPUT),
    (c.AbortCompletion, "completing", e.CompletionAborted, S.WAITING_FOR_INPUT),
    (c.FinishCompletion, "completing", e.ContractCompleted, S.COMPLETED),
    (c.CompleteContract, "created active waiting_for_input", e.ContractCompleted, S.COMPLETED),
    (c.FailContract, OPEN, e.ContractFailed, S.FAILED),
    (c.ReopenContract, "completed failed", e.ContractReopened, S.ACTIVE),
    (c.ArchiveContract, "created completed failed", e.ContractArchived, S.ARCHIVED),
    (c.DeleteContract, "archived", e.ContractDeleted, STAYS),
    (c.AssignContract, OPEN + " completed failed", e.ContractAssigned, STAYS),
    # what a detector found does not hold here; where it does: `test_what_a_detector_finds_leads_on`
    (c.AwaitConfirmation, "active waiting_for_input", NOTHING_NEW, STAYS),
    (c.StartCompletion, "active waiting_for_input", NOTHING_NEW, STAYS),
    (c.RecordValidation, "active waiting_for_input completing paused blocked", NOTHING_NEW, STAYS),
    (c.ChangePhase, "active waiting_for_input", e.PhaseChanged, STAYS),
    (c.SetPhaseGuard, OPEN + " completed failed", e.PhaseGuardSet, STAYS),
    (c.SetAutoComplete, OPEN + " completed failed", e.AutoCompleteSet, STAYS),
    (c.CompleteDeliverable, WORK, e.DeliverableCompleted, STAYS),
    (c.CompleteDeliverable, "completing", NOTHING_NEW, STAYS),  # it was what completed the phase
    (c.CreateTask, WORK, e.TaskCreated, STAYS),
    (c.CreateTask, "completing", e.TaskCreated, S.WAITING_FOR_INPUT),  # new work arrived
    (c.ClaimTask, OPEN, e.TaskClaimed, STAYS),
    (c.StartTask, OPEN, e.TaskStarted, STAYS),
    (c.ReleaseTask, OPEN, e.TaskReleased, STAYS),
    (c.CompleteTask, OPEN, e.TaskCompleted, STAYS),
    (c.HandOffTask, WORK, e.TaskCompleted, STAYS),
    (c.HandOffTask, "completing", e.TaskCompleted, S.WAITING_FOR_INPUT),
    (c.ReturnTasks, OPEN, e.TaskReleased, STAYS),
    (
        c.FollowSupervisor,
        OPEN,
        NOTHING_NEW,
        STAYS,
    ),  # it is no supervisor's task; where it is: `test_supervisor_task`
    (c.SendMessage, OPEN, e.MessageSent, STAYS),
    (c.AskQuestion, "active waiting_for_input", e.QuestionAsked, S.WAITING_FOR_INPUT),
    (c.AskQuestion, "completing", e.QuestionAsked, S.WAITING_FOR_INPUT),
    (c.AskQuestion, "paused blocked", e.QuestionAsked, STAYS),
    (c.AnswerQuestion, "waiting_for_input", e.QuestionAnswered, S.ACTIVE),
    (c.AnswerQuestion, "completing paused blocked", e.QuestionAnswered, STAYS),
    (c.AnswerQuestion, "active", NOTHING_NEW, STAYS),  # it has that answer
)
PAGE: dict[tuple[S, type], tuple[type[ContractEvent] | None, S | None]] = {
    (S(status), command): (event, there)
    for command, statuses, event, there in ROWS
    for status in statuses.split()
}

# `allowed` of a refusal: where else some row leads from there.
ALLOWED = {
    S.CREATED: "active paused completed failed archived",
    S.ACTIVE: "waiting_for_input paused blocked completing completed failed",
    S.WAITING_FOR_INPUT: "active paused blocked completing completed failed",
    S.PAUSED: "created active waiting_for_input blocked failed",
    S.BLOCKED: "active waiting_for_input paused failed",
    S.COMPLETING: "active waiting_for_input completed failed",
    S.COMPLETED: "active waiting_for_input archived",
    S.FAILED: "active waiting_for_input archived",
    S.ARCHIVED: "",
}

# What the matrix finds beside the status: tasks t1 (pending) and t2 (claimed).
TASKS: tuple[ContractEvent, ...] = (
    e.TaskCreated("t1", "plan it", "plan"),
    e.TaskCreated("t2", "build it", "plan"),
    e.TaskClaimed("t2", "builder"),
)


# A running contract with an open question waits for it; so in `active` it has been answered.
QUESTION: dict[S, tuple[ContractEvent, ...]] = {
    S.ACTIVE: (ASKED, e.InputAwaited("question"), e.QuestionAnswered("q1", "Postgres"), e.InputReceived()),
    S.PAUSED: (ASKED,),
    S.BLOCKED: (ASKED,),
    S.COMPLETING: (ASKED,),
}


def furnished(status: S) -> tuple[ContractEvent, ...]:
    """In `status`, with what the commands of `ASKS` name."""
    created, *rest = IN[status]
    return (created, *TASKS, *rest, *QUESTION.get(status, ()))


@pytest.mark.parametrize("command", ASKS, ids=lambda command: type(command).__name__)
@pytest.mark.parametrize("status", S)
def test_every_command_in_every_status_does_what_the_page_says(status: S, command: ContractCommand) -> None:
    asked = given(*furnished(status)).when(command)
    if (status, type(command)) in PAGE:
        event, there = PAGE[(status, type(command))]
        assert asked.refused is None
        assert [type(recorded) for recorded in asked.events][:1] == ([event] if event else [])
        assert asked.after.status is (there or status)
        assert asked.after.deleted is isinstance(command, c.DeleteContract)
        each_has_a_row(status, command, asked.events)
    elif type(command) in DETECTOR_REQUESTS:
        asked.then_nothing()
    else:
        refused = asked.then_refused(
            ErrorCode.INVALID_TRANSITION, **{"from": str(status), "allowed": ALLOWED[status].split()}
        )
        assert refused.members["to"] not in {None, ""}


def each_has_a_row(status: S, command: ContractCommand, events: list[ContractEvent]) -> None:
    """In the table that the code runs on, for the status in which it came."""
    state = given(*furnished(status)).state
    for event in events:
        assert LIFECYCLE.covers(state.status, type(command), type(event)), (
            f"{type(event).__name__} has no row in {state.status}"
        )
        state = evolve(state, event)


def test_the_page_and_the_matrix_know_every_command() -> None:
    known: set[type] = {c.CreateContract, *(command for command, *_ in ROWS)}
    assert known == set(LIFECYCLE.commands) == {type(command) for command in ASKS}


def test_what_a_detector_finds_leads_on() -> None:
    done = (opened(PLAN), STARTED, PLANNED)
    assert (
        given(*done).when(c.StartCompletion("plan")).then(e.CompletionStarted()).after.status is S.COMPLETING
    )
    guarded = (
        given(opened(guard=True), STARTED, PLANNED)
        .when(c.AwaitConfirmation("plan"))
        .then(e.InputAwaited("phase_confirmation"))
    )
    assert guarded.after.status is S.WAITING_FOR_INPUT


@pytest.mark.parametrize("status", [S.CREATED, S.ACTIVE, S.BLOCKED])
def test_resuming_leads_back_to_where_it_was_paused(status: S) -> None:
    given(*IN[status], e.ContractPaused("lunch", status)).when(c.ResumeContract()).then(
        e.ContractResumed(status)
    )


def test_pausing_records_where_it_was_paused() -> None:
    given(*IN[S.BLOCKED]).when(c.PauseContract("lunch")).then(e.ContractPaused("lunch", S.BLOCKED))


def test_a_detector_that_comes_late_asks_for_nothing() -> None:
    for events in IN.values():
        if events is not COMPLETING:
            given(*events).when(c.FinishCompletion("cleanup_done")).then_nothing()


def test_a_finished_cleanup_completes() -> None:
    given(*COMPLETING).when(c.FinishCompletion("cleanup_deadline")).then(
        e.ContractCompleted("cleanup_deadline")
    )


@pytest.mark.parametrize("command", [c.CompleteContract(), c.ArchiveContract(complete_first=True)])
def test_what_is_completing_is_completed_by_its_clean_up_alone(command: ContractCommand) -> None:
    refused = (
        given(*COMPLETING)
        .when(command)
        .then_refused(ErrorCode.INVALID_TRANSITION, **{"from": "completing", "to": "completed"})
    )
    assert "clean-up" in (refused.hint or "")


def test_an_old_client_archives_what_still_runs_by_completing_it() -> None:
    given(opened(), STARTED).when(c.ArchiveContract(complete_first=True)).then(
        e.ContractCompleted("request"), e.ContractArchived()
    )
    given(*IN[S.FAILED]).when(c.ArchiveContract(complete_first=True)).then(e.ContractArchived())


def test_even_an_old_client_cannot_archive_what_is_paused() -> None:
    given(*IN[S.PAUSED]).when(c.ArchiveContract(complete_first=True)).then_refused(
        ErrorCode.INVALID_TRANSITION, **{"from": "paused"}
    )


def test_work_on_a_closed_contract_is_refused_with_the_hint_to_reopen_it() -> None:
    for status in (S.COMPLETED, S.FAILED, S.ARCHIVED):
        refused = (
            given(*IN[status]).when(c.CreateTask("t1", "write")).then_refused(ErrorCode.INVALID_TRANSITION)
        )
        assert "reopen" in (refused.hint or "")


def test_the_refusal_says_where_the_command_would_have_led() -> None:
    refused = (
        given(*IN[S.COMPLETED])
        .when(c.PauseContract())
        .then_refused(
            ErrorCode.INVALID_TRANSITION,
            **{"from": "completed", "to": "paused", "allowed": ["active", "waiting_for_input", "archived"]},
        )
    )
    assert refused.detail == "status completed does not allow 'pause contract'"
    given(*IN[S.ACTIVE]).when(c.DeleteContract()).then_refused(ErrorCode.INVALID_TRANSITION, to="deleted")
    given(*IN[S.ACTIVE]).when(c.ResumeContract()).then_refused(ErrorCode.INVALID_TRANSITION, to="active")


@pytest.mark.parametrize("command", ASKS[1:], ids=lambda command: type(command).__name__)
def test_what_was_never_created_or_was_deleted_is_not_found(command: ContractCommand) -> None:
    given().when(command).then_refused(ErrorCode.CONTRACT_NOT_FOUND)
    given(*IN[S.ARCHIVED], e.ContractDeleted()).when(command).then_refused(ErrorCode.CONTRACT_NOT_FOUND)


def test_the_id_of_a_deleted_contract_is_not_used_again() -> None:
    given(*IN[S.ARCHIVED], e.ContractDeleted()).when(c.CreateContract("demo", "ada")).then_refused(
        ErrorCode.CONTRACT_NOT_FOUND
    )


def test_creating_what_exists_is_refused() -> None:
    given(opened()).when(c.CreateContract("demo", "ada")).then_refused(
        ErrorCode.INVALID_TRANSITION, **{"from": "created", "to": "created"}
    )
