"""When a clean-up ends, whether a contract would complete, and what somebody who insists asks for."""

from dataclasses import replace

import pytest
from makima_completion_detector.domain.next_action import (
    Complete,
    Nothing,
    Validate,
    cleaned,
    next_action,
    would_complete,
)
from makima_completion_detector.domain.snapshot import TRIGGERS, WORK
from makima_schemas.contract import events as e
from makima_schemas.contract.model import Gate

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
    ("held", "removed", "expired", "by"),
    [
        (False, True, False, "no_worktrees"),
        (False, True, True, "no_worktrees"),
        (True, True, False, "cleanup_done"),
        (True, True, True, "cleanup_done"),
        (True, False, True, "cleanup_deadline"),
        (True, False, False, None),
    ],
)
def test_a_clean_up_ends_when_nothing_is_held_or_all_is_removed_or_its_time_is_over(
    held: bool, removed: bool, expired: bool, by: str | None
) -> None:
    assert cleaned(held=held, removed=removed, expired=expired) == by


def test_a_contract_would_complete_where_its_last_gate_is_satisfied_whatever_the_switches_say() -> None:
    assert would_complete(after(created(auto_complete=False), STARTED, EXECUTING, SHIPPED))
    assert not would_complete(after(created(), STARTED, PLANNED)), "a phase is to come"
    assert not would_complete(after(created(), STARTED, EXECUTING)), "the gate is open"
    assert not would_complete(after(created(), EXECUTING, SHIPPED)), "it is not at work"


def test_who_insists_completes_what_was_reopened() -> None:
    assert next_action(after(*REOPENED), ON, forced=True) == Complete()


def test_who_insists_has_the_validator_look_again() -> None:
    refused = after(
        created(with_gate(Gate(validator="lint")), EXECUTE),
        STARTED,
        PLANNED,
        e.PhaseValidated("plan", "lint", False, "ugly"),
    )
    assert next_action(refused, ON, forced=True) == Validate("lint")
    assert next_action(replace(refused, delivered={}), ON, forced=True) == Nothing(
        "Deliverable: plan-document, Validator: lint (ugly)"
    )


def test_the_detector_looks_again_after_what_the_page_lists_and_a_validator_after_what_may_be_work() -> None:
    """domain.md, Auto-advance, transcribed by hand."""
    work = {
        e.DeliverableCompleted,
        e.TaskCreated,
        e.TaskReleased,
        e.TaskCompleted,
        e.TaskFailed,
        e.PhaseChanged,
        e.ContractReopened,
    }
    moved = {
        e.ContractStarted,
        e.ContractResumed,
        e.ContractUnblocked,
        e.InputReceived,
        e.CompletionStarted,
        e.CompletionAborted,
    }
    assert set(WORK) == work
    assert set(TRIGGERS) == work | moved | {e.PhaseGuardSet, e.AutoCompleteSet, e.PhaseValidated}
