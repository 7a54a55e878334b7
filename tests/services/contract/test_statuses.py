"""domain.md, Status: the table as it is written there, held against the one that the code runs on."""

import pytest
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.contract.events import ContractEvent
from makima_schemas.contract.model import ContractStatus
from makima_schemas.errors import Code

from services.contract.domain.state import evolve
from services.contract.domain.statuses import DETECTOR_REQUESTS, LIFECYCLE
from tests.services.contract.stories import ASKED, ASKS, COMPLETING, IN, STARTED, given, opened

S = ContractStatus

# Transcribed from the page, by hand: command → the statuses it is accepted in.
WORK = "created active waiting_for_input completing paused blocked"
PAGE: dict[type[ContractCommand], str] = {
    c.CreateContract: "",
    c.StartContract: "created",
    c.PauseContract: "created active waiting_for_input blocked",
    c.ResumeContract: "paused",
    c.BlockContract: "active waiting_for_input",
    c.UnblockContract: "blocked",
    c.FailContract: "created active waiting_for_input paused blocked completing",
    c.ReopenContract: "completed failed",
    c.ArchiveContract: "created completed failed",
    c.DeleteContract: "archived",
    c.AwaitConfirmation: "active waiting_for_input",
    c.StartCompletion: "active waiting_for_input",
    c.AbortCompletion: "completing",
    c.CompleteContract: "created active waiting_for_input completing",
    c.ChangePhase: "active waiting_for_input",
    c.RecordValidation: "active waiting_for_input completing paused blocked",
    c.SetPhaseGuard: WORK + " completed failed",
    c.SetAutoComplete: WORK + " completed failed",
    c.CompleteDeliverable: WORK,
    c.CreateTask: WORK,
    c.ClaimTask: WORK,
    c.StartTask: WORK,
    c.ReleaseTask: WORK,
    c.CompleteTask: WORK,
    c.HandOffTask: WORK,
    c.SendMessage: WORK,
    c.AskQuestion: "active waiting_for_input completing paused blocked",
    c.AnswerQuestion: "active waiting_for_input completing paused blocked",
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
    if status in PAGE[type(command)].split():
        assert asked.refused is None
        recorded_or_nothing_new(status, command, asked.events)
    elif type(command) in DETECTOR_REQUESTS:
        asked.then_nothing()
    else:
        targets = [str(there) for there in LIFECYCLE.targets(status)]
        refused = asked.then_refused(Code.INVALID_TRANSITION, **{"from": str(status), "allowed": targets})
        assert refused.members["to"] not in {None, ""}


NO_NEWS = {
    (S.ACTIVE, c.AnswerQuestion),  # it has that answer
    (S.COMPLETING, c.CompleteDeliverable),  # it was what completed the phase
    *((status, request) for status in S for request in DETECTOR_REQUESTS),  # what they found does not hold here
}


def recorded_or_nothing_new(status: S, command: ContractCommand, events: list[ContractEvent]) -> None:
    """Each event stands in a row of the table, for the status in which it came."""
    assert events or (status, type(command)) in NO_NEWS
    state = given(*furnished(status)).state
    for event in events:
        assert LIFECYCLE.covers(state.status, type(command), type(event)), f"{type(event).__name__} has no row in {state.status}"
        state = evolve(state, event)


def test_the_page_and_the_matrix_know_every_command() -> None:
    assert set(PAGE) == set(LIFECYCLE.commands) == {type(command) for command in ASKS}


@pytest.mark.parametrize("status", [S.CREATED, S.ACTIVE, S.BLOCKED])
def test_resuming_leads_back_to_where_it_was_paused(status: S) -> None:
    given(*IN[status], e.ContractPaused("lunch", status)).when(c.ResumeContract()).then(e.ContractResumed(status))


def test_pausing_records_where_it_was_paused() -> None:
    given(*IN[S.BLOCKED]).when(c.PauseContract("lunch")).then(e.ContractPaused("lunch", S.BLOCKED))


def test_a_detector_that_comes_late_asks_for_nothing() -> None:
    for events in IN.values():
        if events is not COMPLETING:
            given(*events).when(c.CompleteContract("cleanup_done")).then_nothing()


def test_a_finished_cleanup_completes() -> None:
    given(*COMPLETING).when(c.CompleteContract("cleanup_deadline")).then(e.ContractCompleted("cleanup_deadline"))


def test_an_old_client_archives_what_still_runs_by_completing_it() -> None:
    given(opened(), STARTED).when(c.ArchiveContract(complete_first=True)).then(e.ContractCompleted("request"), e.ContractArchived())
    given(*IN[S.FAILED]).when(c.ArchiveContract(complete_first=True)).then(e.ContractArchived())


def test_even_an_old_client_cannot_archive_what_is_paused() -> None:
    given(*IN[S.PAUSED]).when(c.ArchiveContract(complete_first=True)).then_refused(Code.INVALID_TRANSITION, **{"from": "paused"})


def test_work_on_a_closed_contract_is_refused_with_the_hint_to_reopen_it() -> None:
    for status in (S.COMPLETED, S.FAILED, S.ARCHIVED):
        refused = given(*IN[status]).when(c.CreateTask("t1", "write")).then_refused(Code.INVALID_TRANSITION)
        assert "reopen" in (refused.hint or "")


def test_the_refusal_says_where_the_command_would_have_led() -> None:
    given(*IN[S.COMPLETED]).when(c.PauseContract()).then_refused(
        Code.INVALID_TRANSITION, **{"from": "completed", "to": "paused", "allowed": ["active", "waiting_for_input", "archived"]}
    )
    given(*IN[S.ACTIVE]).when(c.DeleteContract()).then_refused(Code.INVALID_TRANSITION, to="deleted")


@pytest.mark.parametrize("command", ASKS[1:], ids=lambda command: type(command).__name__)
def test_what_was_never_created_or_was_deleted_is_not_found(command: ContractCommand) -> None:
    given().when(command).then_refused(Code.CONTRACT_NOT_FOUND)
    given(*IN[S.ARCHIVED], e.ContractDeleted()).when(command).then_refused(Code.CONTRACT_NOT_FOUND)


def test_the_id_of_a_deleted_contract_is_not_used_again() -> None:
    given(*IN[S.ARCHIVED], e.ContractDeleted()).when(c.CreateContract("demo", "ada")).then_refused(Code.CONTRACT_NOT_FOUND)


def test_creating_what_exists_is_refused() -> None:
    given(opened()).when(c.CreateContract("demo", "ada")).then_refused(Code.INVALID_TRANSITION, **{"from": "created", "to": "created"})
