"""Phase changes (plan 1.2, 1.3): the order of the checks, and a matrix of everything that may stand in the
way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import pytest
from makima_contract.domain.decider import conflict_members
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.contract.contract_types import contract_types
from makima_schemas.contract.model import ContractStatus, Deliverable, Gate, Phase
from makima_schemas.errors import ErrorCode

from tests.services.contract.contract_states import (
    ASKED,
    EXECUTE,
    IN,
    PLAN,
    PLANNED,
    REVIEW,
    SHIPPED,
    STARTED,
    TO_EXECUTE,
    given,
    opened,
)

THREE = (PLAN, EXECUTE, REVIEW)
PROGRESS = (PLANNED, TO_EXECUTE)  # in `execute`, its gate not yet satisfied


@dataclass(frozen=True)
class Case:
    """A contract in `execute`, and what is asked of it."""

    status: ContractStatus
    phase: str
    ready: bool
    guard: bool
    force: bool
    confirmed: bool

    @property
    def expected(self) -> ErrorCode | e.PhaseChanged | None:
        """By the first check of domain.md that catches it, in their order; none: it is changed."""
        for catches, answer in CHECKS:
            if catches(self):
                return answer
        return e.PhaseChanged("execute", self.phase, self.force, self.confirmed, "because")


# Found, role and version come before: `test_service.py` holds that an older version is a conflict in each of
# these cases.
CHECKS: Sequence[tuple[Callable[[Case], bool], ErrorCode | None]] = (
    (lambda case: case.status not in {"active", "waiting_for_input"}, ErrorCode.INVALID_TRANSITION),
    (lambda case: case.phase == "celebrate", ErrorCode.VALIDATION_FAILED),
    (lambda case: case.phase == "execute", None),
    (lambda case: case.phase == "plan" and not case.force, ErrorCode.VALIDATION_FAILED),
    (lambda case: not case.ready and not case.force, ErrorCode.VALIDATION_FAILED),
    (lambda case: case.guard and not case.confirmed, ErrorCode.PHASE_GUARD_REQUIRED),
)
CASES = [
    Case(status, phase, *flags)
    for status in ContractStatus
    for phase in ("plan", "execute", "review", "celebrate")
    for flags in product((False, True), repeat=4)
]
INTO: dict[ContractStatus, tuple[e.ContractEvent, ...]] = {
    ContractStatus.CREATED: (
        e.ContractPaused(None, ContractStatus.CREATED),
        e.ContractResumed(ContractStatus.CREATED),
    ),
    ContractStatus.ACTIVE: (STARTED,),
    ContractStatus.WAITING_FOR_INPUT: (STARTED, ASKED, e.InputAwaited("question")),
    ContractStatus.PAUSED: (STARTED, e.ContractPaused(None, ContractStatus.ACTIVE)),
    ContractStatus.BLOCKED: (STARTED, e.ContractBlocked("no network")),
    ContractStatus.COMPLETING: (STARTED, e.CompletionStarted()),
    ContractStatus.COMPLETED: (STARTED, e.ContractCompleted("request")),
    ContractStatus.FAILED: (STARTED, e.ContractFailed("no budget")),
    ContractStatus.ARCHIVED: (e.ContractArchived(),),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_phase_change_is_judged_in_the_order_of_the_page(case: Case) -> None:
    story = (
        opened(*THREE, guard=case.guard),
        *PROGRESS,
        *((SHIPPED,) if case.ready else ()),
        *INTO[case.status],
    )
    asked = given(*story).when(c.ChangePhase(case.phase, case.confirmed, case.force, "because"))
    match case.expected:
        case ErrorCode() as code:
            asked.then_refused(code)
        case None:
            asked.then_nothing()
        case changed:
            asked.then(changed)


def test_skipping_ahead_needs_force_and_says_what_it_would_skip() -> None:
    story = (opened(*THREE), STARTED, PLANNED)
    refused = (
        given(*story).when(c.ChangePhase("review")).then_refused(ErrorCode.VALIDATION_FAILED, missing=[])
    )
    assert "execute" in refused.detail
    given(*story).when(c.ChangePhase("review", force=True)).then(
        e.PhaseChanged("plan", "review", forced=True)
    )


def test_a_deliverable_counts_in_its_own_phase_only() -> None:
    phases = (
        Phase("draft", (Deliverable("text", "Text"),)),
        Phase("final", (Deliverable("text", "Text"),)),
        REVIEW,
    )
    story = (
        opened(*phases),
        STARTED,
        e.DeliverableCompleted("draft", "text"),
        e.PhaseChanged("draft", "final"),
    )
    given(*story).when(c.ChangePhase("review")).then_refused(
        ErrorCode.VALIDATION_FAILED, missing=["Deliverable: text"]
    )


def test_an_unmet_gate_lists_what_is_missing() -> None:
    given(opened(), STARTED, e.TaskCreated("t1", "write", "plan")).when(
        c.ChangePhase("execute")
    ).then_refused(ErrorCode.VALIDATION_FAILED, missing=["Deliverable: plan-document", "1 tasks incomplete"])


def test_a_failed_task_keeps_the_phase_until_it_is_made_again_and_the_refusal_says_so() -> None:
    story = (opened(), STARTED, PLANNED, e.TaskCreated("t1", "write", "plan"), e.TaskFailed("t1", "write"))
    refused = (
        given(*story)
        .when(c.ChangePhase("execute"))
        .then_refused(ErrorCode.VALIDATION_FAILED, missing=["1 tasks incomplete"])
    )
    assert "'write' again" in (refused.hint or "")
    elsewhere = (
        opened(),
        STARTED,
        e.TaskCreated("t1", "write", "execute"),
        e.TaskFailed("t1", "write"),
        e.TaskCreated("t2", "read", "plan"),
    )
    assert (
        given(*elsewhere).when(c.ChangePhase("execute")).then_refused(ErrorCode.VALIDATION_FAILED).hint
        == "use force to skip the gate"
    )
    again = (*story, e.TaskCreated("t2", "write", "plan"), e.TaskCompleted("t2", "write"))
    given(*again).when(c.ChangePhase("execute")).then(TO_EXECUTE)


def test_the_guard_names_the_deliverables_and_binds_whoever_asks() -> None:
    given(opened(guard=True), STARTED, PLANNED).when(c.ChangePhase("execute", force=True)).then_refused(
        ErrorCode.PHASE_GUARD_REQUIRED, deliverables=["plan-document"]
    )


@pytest.mark.parametrize(
    "status", [status for status in ContractStatus if status not in {"active", "waiting_for_input"}]
)
def test_the_status_is_checked_before_the_phase(status: ContractStatus) -> None:
    given(*IN[status]).when(c.ChangePhase("celebrate", confirmed=True, force=True)).then_refused(
        ErrorCode.INVALID_TRANSITION
    )


@pytest.mark.parametrize("contract_type", ["simple", "specification", "execute"])
def test_each_built_in_type_can_be_walked_from_the_first_to_the_last_phase(contract_type: str) -> None:
    phases = contract_types()[contract_type]
    story: list[e.ContractEvent] = [opened(*phases), STARTED]
    for here, there in pairwise(phases):
        given(*story).when(c.ChangePhase(there.name)).then_refused(ErrorCode.VALIDATION_FAILED)
        story += given(*story).when(c.CompleteDeliverable(here.deliverables[0].id)).events
        story += (
            given(*story).when(c.ChangePhase(there.name)).then(e.PhaseChanged(here.name, there.name)).events
        )
    story += given(*story).when(c.CompleteDeliverable(phases[-1].deliverables[0].id)).events
    given(*story).when(c.StartCompletion(phases[-1].name)).then(e.CompletionStarted())


def test_a_version_conflict_says_the_current_phase() -> None:
    assert conflict_members(given(opened(), STARTED, PLANNED, TO_EXECUTE).state) == {
        "current_phase": "execute"
    }


GATED = Phase("plan", PLAN.deliverables, Gate(validator="lint"))
VALIDATED = (opened(GATED, EXECUTE), STARTED, PLANNED)


def test_a_gate_with_a_validator_needs_its_last_verdict_to_be_good() -> None:
    passed, failed = (
        e.PhaseValidated("plan", "lint", passed=True),
        e.PhaseValidated("plan", "lint", passed=False, reason="two warnings"),
    )
    given(*VALIDATED).when(c.ChangePhase("execute")).then_refused(
        ErrorCode.VALIDATION_FAILED, missing=["Validator: lint"]
    )
    given(*VALIDATED).when(c.RecordValidation("plan", "lint", passed=True)).then(passed)
    given(*VALIDATED, passed).when(c.ChangePhase("execute")).then(TO_EXECUTE)
    given(*VALIDATED, passed, failed).when(c.ChangePhase("execute")).then_refused(ErrorCode.VALIDATION_FAILED)


def test_a_verdict_holds_for_one_stay_in_the_phase() -> None:
    passed = e.PhaseValidated("plan", "lint", passed=True)
    back = (TO_EXECUTE, e.PhaseChanged("execute", "plan", forced=True))
    given(*VALIDATED, passed, *back).when(c.ChangePhase("execute")).then_refused(
        ErrorCode.VALIDATION_FAILED, missing=["Validator: lint"]
    )


def test_a_verdict_that_says_nothing_new_is_not_recorded() -> None:
    passed = e.PhaseValidated("plan", "lint", passed=True)
    for late in (
        c.RecordValidation("execute", "lint", passed=True),
        c.RecordValidation("plan", "spelling", passed=True),
    ):
        given(*VALIDATED).when(late).then_nothing()
    given(*VALIDATED, passed).when(c.RecordValidation("plan", "lint", passed=True)).then_nothing()


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (c.SetPhaseGuard(enabled=True), e.PhaseGuardSet(enabled=True)),
        (c.SetAutoComplete(enabled=False), e.AutoCompleteSet(enabled=False)),
    ],
)
def test_a_switch_is_recorded_when_it_turns(command: c.ContractCommand, event: e.ContractEvent) -> None:
    given(opened()).when(command).then(event)
    given(opened(), event).when(command).then_nothing()
