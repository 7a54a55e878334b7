"""When a contract waits for somebody, and when it goes on."""

from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus, Deliverable, Gate, Phase
from makima_schemas.errors import ErrorCode

from tests.services.contract.contract_states import (
    ASKED,
    COMPLETING,
    IN,
    PLAN,
    PLANNED,
    SHIPPED,
    STARTED,
    TO_EXECUTE,
    given,
    opened,
)

ACTIVE, WAITING, BLOCKED, CREATED = (
    ContractStatus.ACTIVE,
    ContractStatus.WAITING_FOR_INPUT,
    ContractStatus.BLOCKED,
    ContractStatus.CREATED,
)
FOR_ANSWER, FOR_CONFIRMATION = e.InputAwaited("question"), e.InputAwaited("phase_confirmation")
ANSWERED = e.QuestionAnswered("q1", "Postgres")
GUARDED_AND_READY = (opened(guard=True), STARTED, PLANNED)
CONFIRMABLE = (*GUARDED_AND_READY, FOR_CONFIRMATION)
CONFIRM = c.ChangePhase("execute", confirmed=True)
CONFIRMED = e.PhaseChanged("plan", "execute", confirmed=True)


def test_a_question_makes_it_wait_and_the_last_answer_lets_it_go_on() -> None:
    given(opened(), STARTED).when(c.AskQuestion("q1", "Which database?")).then(ASKED, FOR_ANSWER)
    two = (opened(), STARTED, ASKED, FOR_ANSWER, e.QuestionAsked("q2", "Which port?", "text"))
    given(*two).when(c.AnswerQuestion("q1", "Postgres")).then(ANSWERED)
    given(*two, ANSWERED).when(c.AnswerQuestion("q2", "5432")).then(
        e.QuestionAnswered("q2", "5432"), e.InputReceived()
    )


def test_a_second_question_is_waited_for_silently() -> None:
    given(opened(), STARTED, ASKED, FOR_ANSWER).when(c.AskQuestion("q2", "Which port?")).then(
        e.QuestionAsked("q2", "Which port?", "text")
    )


def test_a_guarded_phase_that_is_ready_waits_for_its_confirmation() -> None:
    given(*GUARDED_AND_READY).when(c.AwaitConfirmation("plan")).then(FOR_CONFIRMATION)
    given(*CONFIRMABLE).when(c.AwaitConfirmation("plan")).then_nothing()
    given(*CONFIRMABLE).when(CONFIRM).then(CONFIRMED, e.InputReceived())


def test_nobody_confirms_what_is_not_ready_not_guarded_last_or_left() -> None:
    given(opened(guard=True), STARTED).when(c.AwaitConfirmation("plan")).then_nothing()
    given(opened(), STARTED, PLANNED).when(c.AwaitConfirmation("plan")).then_nothing()
    given(opened(guard=True), STARTED, CONFIRMED, SHIPPED).when(c.AwaitConfirmation("execute")).then_nothing()
    given(*GUARDED_AND_READY, CONFIRMED).when(c.AwaitConfirmation("plan")).then_nothing()


def test_a_confirmation_outlives_questions() -> None:
    given(*CONFIRMABLE).when(c.AskQuestion("q1", "Which database?")).then(ASKED)
    given(*CONFIRMABLE, ASKED).when(c.AnswerQuestion("q1", "Postgres")).then(ANSWERED)
    given(*CONFIRMABLE, ASKED).when(CONFIRM).then(CONFIRMED, FOR_ANSWER)


def test_a_question_that_waits_gives_way_to_a_confirmation() -> None:
    given(*GUARDED_AND_READY, ASKED, FOR_ANSWER).when(c.AwaitConfirmation("plan")).then(FOR_CONFIRMATION)


def test_without_its_guard_a_phase_needs_no_confirmation() -> None:
    given(*CONFIRMABLE).when(c.SetPhaseGuard(enabled=False)).then(
        e.PhaseGuardSet(enabled=False), e.InputReceived()
    )


def test_a_confirmation_is_for_one_phase_even_if_the_next_is_ready_too() -> None:
    """That is for the detector to find."""
    given(*CONFIRMABLE, SHIPPED).when(CONFIRM).then(CONFIRMED, e.InputReceived())


def test_a_guard_that_was_off_for_a_while_in_a_pause_still_waits_for_its_confirmation() -> None:
    toggled = (e.PhaseGuardSet(enabled=False), e.PhaseGuardSet(enabled=True))
    paused = (*CONFIRMABLE, e.ContractPaused("lunch", WAITING))
    given(*paused, *toggled).when(c.ResumeContract()).then(e.ContractResumed(WAITING, "phase_confirmation"))
    given(*paused, toggled[0]).when(c.ResumeContract()).then(e.ContractResumed(ACTIVE))


def test_new_work_takes_from_a_phase_that_it_is_ready() -> None:
    made = e.TaskCreated("t1", "write", "plan")
    given(*CONFIRMABLE).when(c.CreateTask("t1", "write")).then(made, e.InputReceived())
    given(*CONFIRMABLE, ASKED).when(c.CreateTask("t1", "write")).then(made, FOR_ANSWER)
    given(*CONFIRMABLE).when(c.CreateTask("t1", "drive", is_supervisor=True)).then(
        e.TaskCreated("t1", "drive", "plan", is_supervisor=True)
    )


def test_a_failed_validation_takes_it_too() -> None:
    gated = Phase("plan", PLAN.deliverables, Gate(validator="lint"))
    passed = e.PhaseValidated("plan", "lint", passed=True)
    story = (
        opened(gated, Phase("execute", (Deliverable("x", "X"),)), guard=True),
        STARTED,
        PLANNED,
        passed,
        FOR_CONFIRMATION,
    )
    failed = e.PhaseValidated("plan", "lint", passed=False, reason="two warnings")
    given(*story).when(c.RecordValidation("plan", "lint", passed=False, reason="two warnings")).then(
        failed, e.InputReceived()
    )


def test_what_happens_in_a_pause_counts_when_it_ends() -> None:
    paused = (opened(), STARTED, e.ContractPaused("lunch", ACTIVE))
    given(*paused).when(c.AskQuestion("q1", "Which database?")).then(ASKED)
    given(*paused, ASKED).when(c.ResumeContract()).then(e.ContractResumed(WAITING, "question"))
    waiting = (opened(), STARTED, ASKED, FOR_ANSWER, e.ContractPaused("lunch", WAITING))
    given(*waiting).when(c.AnswerQuestion("q1", "Postgres")).then(ANSWERED)
    given(*waiting, ANSWERED).when(c.ResumeContract()).then(e.ContractResumed(ACTIVE))
    given(*waiting).when(c.ResumeContract()).then(e.ContractResumed(WAITING, "question"))


def test_a_confirmation_outlives_a_pause_but_not_new_work_in_it() -> None:
    paused = (*CONFIRMABLE, e.ContractPaused("lunch", WAITING))
    given(*paused).when(c.ResumeContract()).then(e.ContractResumed(WAITING, "phase_confirmation"))
    worked = (*paused, e.TaskCreated("t1", "write", "plan"))
    given(*worked).when(c.ResumeContract()).then(e.ContractResumed(ACTIVE))
    resumed_and_done = (*worked, e.ContractResumed(ACTIVE), e.TaskClaimed("t1", "builder"))
    given(*resumed_and_done).when(c.CompleteTask("t1", success=True)).then(e.TaskCompleted("t1", "write"))


def test_unblocking_and_reopening_lead_to_waiting_while_a_question_is_open() -> None:
    blocked = (opened(), STARTED, ASKED, FOR_ANSWER, e.ContractBlocked("no network"))
    given(*blocked).when(c.UnblockContract()).then(e.ContractUnblocked(WAITING, "question"))
    given(*blocked, ANSWERED).when(c.UnblockContract()).then(e.ContractUnblocked(ACTIVE))
    failed = (opened(), STARTED, ASKED, FOR_ANSWER, e.ContractFailed("no budget"))
    given(*failed).when(c.ReopenContract("money came")).then(
        e.ContractReopened("money came", WAITING, "question")
    )


def test_a_question_asked_before_the_start_is_waited_for_from_the_start() -> None:
    story = (opened(), e.ContractPaused(None, CREATED), ASKED)
    given(*story).when(c.ResumeContract()).then(e.ContractResumed(CREATED))
    given(*story, e.ContractResumed(CREATED)).when(c.StartContract()).then(STARTED, FOR_ANSWER)


def test_a_blocked_contract_stays_blocked_through_a_pause() -> None:
    story = (*IN[BLOCKED], ASKED, e.ContractPaused("lunch", BLOCKED))
    given(*story).when(c.ResumeContract()).then(e.ContractResumed(BLOCKED))


def test_new_work_aborts_a_completion() -> None:
    given(*COMPLETING).when(c.CreateTask("t1", "write")).then(
        e.TaskCreated("t1", "write", "execute"), e.CompletionAborted("a task was created", ACTIVE)
    )
    given(*COMPLETING).when(c.AskQuestion("q1", "Which database?")).then(
        ASKED, e.CompletionAborted("a question was asked", WAITING, "question")
    )
    handed = given(
        opened(),
        STARTED,
        e.TaskCreated("t1", "write", "plan"),
        PLANNED,
        TO_EXECUTE,
        SHIPPED,
        e.CompletionStarted(),
    )
    assert handed.when(c.HandOffTask("t1", "reviewer", "t2")).events[-1] == e.CompletionAborted(
        "a task was handed off", ACTIVE
    )


def test_what_is_no_new_work_aborts_nothing() -> None:
    given(*COMPLETING).when(c.CreateTask("t1", "drive", is_supervisor=True)).then(
        e.TaskCreated("t1", "drive", "execute", is_supervisor=True)
    )
    given(*COMPLETING).when(c.SendMessage("m1", "user", "hello")).then(e.MessageSent("m1", "user", "hello"))


def test_a_failed_final_validation_aborts_it() -> None:
    given(*COMPLETING).when(c.AbortCompletion("final validation failed")).then(
        e.CompletionAborted("final validation failed", ACTIVE)
    )


def test_completion_starts_only_in_a_last_phase_that_is_ready_and_may_complete() -> None:
    last = (opened(), STARTED, PLANNED, TO_EXECUTE)
    given(*last, SHIPPED).when(c.StartCompletion("execute")).then(e.CompletionStarted())
    given(*last, SHIPPED, ASKED, FOR_ANSWER).when(c.StartCompletion("execute")).then(e.CompletionStarted())
    given(*last).when(c.StartCompletion("execute")).then_nothing()
    given(*last, SHIPPED, e.AutoCompleteSet(enabled=False)).when(c.StartCompletion("execute")).then_nothing()
    given(opened(), STARTED, PLANNED).when(c.StartCompletion("plan")).then_nothing()
    given(*last, SHIPPED, e.CompletionStarted()).when(c.StartCompletion("execute")).then_nothing()


def test_an_answer_is_given_once() -> None:
    story = (opened(), STARTED, ASKED, FOR_ANSWER)
    given(*story).when(c.AnswerQuestion("q2", "?")).then_refused(ErrorCode.QUESTION_NOT_FOUND)
    given(*story, ANSWERED, e.InputReceived()).when(c.AnswerQuestion("q1", "Postgres")).then_nothing()
    given(*story, ANSWERED, e.InputReceived()).when(c.AnswerQuestion("q1", "SQLite")).then_refused(
        ErrorCode.INVALID_TRANSITION
    )


def test_a_choice_is_one_of_its_options() -> None:
    given(opened(), STARTED).when(c.AskQuestion("q1", "Which?", "choice")).then_refused(
        ErrorCode.INVALID_REQUEST
    )
    given(opened(), STARTED).when(c.AskQuestion("q1", "Which?", "text", ("a", "b"))).then_refused(
        ErrorCode.INVALID_REQUEST
    )
    choice = (opened(), STARTED, e.QuestionAsked("q1", "Which?", "choice", ("a", "b")), FOR_ANSWER)
    given(*choice).when(c.AnswerQuestion("q1", "c")).then_refused(ErrorCode.INVALID_REQUEST)
    given(*choice).when(c.AnswerQuestion("q1", "b")).then(e.QuestionAnswered("q1", "b"), e.InputReceived())


def test_a_question_id_is_used_once() -> None:
    given(opened(), STARTED, ASKED, FOR_ANSWER).when(c.AskQuestion("q1", "Another?")).then_refused(
        ErrorCode.INVALID_REQUEST
    )
