"""The table of cases: for every kind of moment in a contract's life, what the detector asks."""

from dataclasses import replace

import pytest
from makima_completion_detector.domain.next_action import (
    Abort,
    Action,
    Advance,
    CleanUp,
    Complete,
    Confirm,
    Nothing,
    Record,
    Switches,
    Validate,
    next_action,
)
from makima_completion_detector.domain.snapshot import fold
from makima_schemas.codec import Event
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus, Gate, Phase

from tests.services.completion_detector.snapshots import (
    EXECUTE,
    EXECUTING,
    ON,
    PLANNED,
    REOPENED,
    SHIPPED,
    STARTED,
    after,
    created,
    with_gate,
)


@pytest.mark.parametrize(
    ("events", "on", "ask"),
    [
        pytest.param((created(), PLANNED), ON, Nothing("the contract is created"), id="before the start: nothing"),
        pytest.param((created(), STARTED), ON, Nothing("Deliverable: plan-document"), id="a deliverable is missing: nothing"),
        pytest.param((created(), STARTED, PLANNED), ON, Advance("execute"), id="the gate is satisfied: on to the next phase"),
        pytest.param((created(), PLANNED, STARTED), ON, Advance("execute"), id="satisfied before the start: on when it starts"),
        pytest.param(
            (created(), STARTED, e.TaskCreated("t", "write it", "plan"), PLANNED), ON, Nothing("1 tasks incomplete"), id="a task is open: nothing"
        ),
        pytest.param(
            (created(), STARTED, PLANNED, e.TaskCreated("t", "write it", "plan"), e.TaskFailed("t", "write it")),
            ON,
            Nothing("1 tasks incomplete"),
            id="a failed task is not complete",
        ),
        pytest.param(
            (
                created(),
                STARTED,
                PLANNED,
                e.TaskCreated("t2", "write it", "plan"),
                e.TaskFailed("t2", "write it"),
                e.TaskCreated("t1", "write it", "plan"),
                e.TaskCompleted("t1", "write it"),
            ),
            ON,
            Advance("execute"),
            id="a failed task was made again, and that one is done",
        ),
        pytest.param(
            (created(), STARTED, PLANNED, e.TaskCreated("s", "drive", "plan", is_supervisor=True)),
            ON,
            Advance("execute"),
            id="the supervisor task never counts",
        ),
        pytest.param(
            (created(), STARTED, PLANNED, e.TaskCreated("t", "ship it", "execute")), ON, Advance("execute"), id="another phase's task does not count"
        ),
        pytest.param((created(guard=True), STARTED, PLANNED), ON, Confirm(), id="guarded: a person must confirm"),
        pytest.param(
            (created(guard=True), STARTED, PLANNED, e.InputAwaited("phase_confirmation")),
            ON,
            Nothing("a person was already asked to confirm"),
            id="guarded and asked: nothing more",
        ),
        pytest.param(
            (created(guard=True), STARTED, PLANNED, e.InputAwaited("phase_confirmation"), e.PhaseGuardSet(False), e.InputReceived()),
            ON,
            Advance("execute"),
            id="the guard is taken off: on to the next phase",
        ),
        pytest.param((created(guard=True), STARTED, EXECUTING, SHIPPED), ON, Complete(), id="the guard is on phase changes, not on the end"),
        pytest.param((created(), STARTED, EXECUTING, SHIPPED), ON, Complete(), id="the last phase is satisfied: complete"),
        pytest.param(
            (created(), STARTED, EXECUTING, e.QuestionAsked("q", "?", "text"), e.InputAwaited("question"), SHIPPED),
            ON,
            Complete(),
            id="an open question holds nothing up",
        ),
        pytest.param((created(), STARTED, PLANNED, e.ContractPaused(None, ContractStatus.ACTIVE)), ON, Nothing("the contract is paused"), id="paused"),
        pytest.param(
            (created(), STARTED, e.ContractPaused(None, ContractStatus.ACTIVE), PLANNED, e.ContractResumed(ContractStatus.ACTIVE)),
            ON,
            Advance("execute"),
            id="satisfied while paused: on when it resumes",
        ),
        pytest.param((created(), STARTED, PLANNED, e.ContractBlocked("no key")), ON, Nothing("the contract is blocked"), id="blocked"),
        pytest.param((created(), STARTED, PLANNED, e.ContractFailed("no use")), ON, Nothing("the contract is failed"), id="failed"),
        pytest.param((created(auto_complete=False), STARTED, PLANNED), ON, Record("auto-complete is off for this contract"), id="its own switch"),
        pytest.param(
            (created(auto_complete=False), STARTED, PLANNED, e.AutoCompleteSet(True)), ON, Advance("execute"), id="its own switch, turned on again"
        ),
        pytest.param(
            (created(auto_complete=False), STARTED, EXECUTING, SHIPPED), ON, Record("auto-complete is off for this contract"), id="its own switch, at the end"
        ),
        pytest.param(
            (created(with_gate(Gate(auto_advance=False)), EXECUTE), STARTED, PLANNED), ON, Record("auto-advance is off for this phase"), id="the phase's switch"
        ),
        pytest.param(
            (created(with_gate(Gate(auto_advance=False)), EXECUTE, guard=True), STARTED, PLANNED),
            ON,
            Confirm(),
            id="the phase's switch is off, but a person may confirm",
        ),
        pytest.param((created(), STARTED, PLANNED), Switches(advance=False), Record("contracts.auto_advance_phases is off"), id="the global switch"),
        pytest.param((created(), STARTED, EXECUTING, SHIPPED), Switches(advance=False), Complete(), id="the global switch stops no completion"),
        pytest.param((created(), STARTED, PLANNED), Switches(feature=False), Record("the feature flag auto_complete is off"), id="the feature flag"),
        pytest.param(
            (created(Phase("talk"), EXECUTE), STARTED),
            ON,
            Nothing("the phase has no requirements, so it does not end automatically"),
            id="a phase that requires nothing",
        ),
        pytest.param(
            (created(with_gate(Gate(validator="lint")), EXECUTE), STARTED, PLANNED), ON, Validate("lint"), id="only the validator's verdict is missing"
        ),
        pytest.param(
            (created(with_gate(Gate(validator="lint")), EXECUTE), STARTED), ON, Nothing("Deliverable: plan-document, Validator: lint"), id="no verdict on half a work"
        ),
        pytest.param(
            (created(with_gate(Gate(validator="lint")), EXECUTE), STARTED, PLANNED, e.PhaseValidated("plan", "lint", False, "ugly")),
            ON,
            Nothing("Validator: lint (ugly)"),
            id="the validator is not asked twice about the same work",
        ),
        pytest.param(
            (
                created(with_gate(Gate(validator="lint")), EXECUTE),
                STARTED,
                PLANNED,
                e.PhaseValidated("plan", "lint", False, "ugly"),
                e.TaskCreated("t", "make it nice", "plan"),
                e.TaskCompleted("t", "make it nice"),
            ),
            ON,
            Validate("lint"),
            id="after new work the validator is asked again",
        ),
        pytest.param(
            (created(with_gate(Gate(validator="lint")), EXECUTE), STARTED, PLANNED, e.PhaseValidated("plan", "lint", True)),
            ON,
            Advance("execute"),
            id="the validator is content",
        ),
        pytest.param((created(), STARTED, EXECUTING, SHIPPED, e.CompletionStarted()), ON, CleanUp(), id="completing: clean up"),
        pytest.param(
            (created(), STARTED, EXECUTING, SHIPPED, e.CompletionStarted(), e.AutoCompleteSet(False)),
            Switches(feature=False),
            CleanUp(),
            id="what was begun is finished, whatever the switches say",
        ),
        pytest.param(
            (created(), STARTED, EXECUTING, SHIPPED, e.CompletionStarted(), e.TaskCreated("t", "one more", "execute")),
            ON,
            Abort("1 tasks incomplete"),
            id="completing, but the gate is open again",
        ),
        pytest.param(
            (created(), STARTED, EXECUTING, SHIPPED, e.CompletionStarted(), e.ContractCompleted("no_worktrees")),
            ON,
            Nothing("the contract is completed"),
            id="completed",
        ),
        pytest.param(REOPENED, ON, Nothing("the contract was reopened, and nothing has changed since"), id="completed and reopened: it stays open"),
        pytest.param((*REOPENED, e.TaskCreated("t", "more", "execute")), ON, Nothing("1 tasks incomplete"), id="reopened, with new work: open"),
        pytest.param(
            (*REOPENED, e.TaskCreated("t", "more", "execute"), e.TaskCompleted("t", "more")), ON, Complete(), id="reopened, and the new work is done"
        ),
        pytest.param(
            (created(), STARTED, EXECUTING, SHIPPED, e.ContractFailed(None), e.ContractReopened(None, ContractStatus.ACTIVE)),
            ON,
            Complete(),
            id="failed with all done, and reopened: complete",
        ),
    ],
)  # fmt: skip
def test_the_first_case_that_fits_is_the_answer(events: tuple[Event, ...], on: Switches, ask: Action) -> None:
    assert next_action(after(*events), on) == ask


def test_a_new_stretch_begins_where_a_phase_is_entered_a_completion_aborted_or_a_contract_reopened() -> None:
    begun = after(created(), STARTED, PLANNED)
    entered = after(created(), STARTED, PLANNED, EXECUTING)
    aborted = after(
        created(),
        STARTED,
        EXECUTING,
        SHIPPED,
        e.CompletionStarted(),
        e.CompletionAborted("new work", ContractStatus.ACTIVE),
    )
    reopened = after(
        created(), STARTED, e.ContractFailed(None), e.ContractReopened(None, ContractStatus.ACTIVE)
    )
    assert [snapshot.episode for snapshot in (begun, entered, aborted, reopened)] == [1, 4, 6, 4]


def test_tasks_are_judged_in_the_order_in_which_they_were_made_whatever_order_the_database_keeps_them_in() -> (
    None
):
    again = after(
        created(),
        STARTED,
        PLANNED,
        e.TaskCreated("t2", "write", "plan"),
        e.TaskFailed("t2", "write"),
        e.TaskCreated("t1", "write", "plan"),
    )
    done = fold(again, e.TaskCompleted("t1", "write"), 7)
    assert done is not None
    assert next_action(replace(done, tasks=dict(sorted(done.tasks.items()))), ON) == Advance("execute")


def test_a_deleted_contract_is_forgotten() -> None:
    assert fold(after(created(), e.ContractArchived()), e.ContractDeleted(), 3) is None
