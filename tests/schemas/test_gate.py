"""plan 2.1: when a phase is ready, and what is missing where it is not."""

from dataclasses import dataclass

import pytest
from makima_schemas.contract.contract_types import contract_types
from makima_schemas.contract.model import (
    Deliverable,
    Gate,
    MinComplete,
    NamedTasks,
    Phase,
    TaskRequirement,
    TaskStatus,
)
from makima_schemas.gate import Readiness, readiness


@dataclass(frozen=True)
class Task:
    name: str
    status: TaskStatus = TaskStatus.COMPLETED
    phase: str = "write"
    is_supervisor: bool = False


DRAFT, COVER = Deliverable("draft", "Draft"), Deliverable("cover", "Cover")
READY = Readiness("ready")
OPEN = (TaskStatus.PENDING, TaskStatus.CLAIMED, TaskStatus.RUNNING, TaskStatus.FAILED)


def write(*deliverables: Deliverable, **gate: object) -> Phase:
    return Phase("write", deliverables, Gate(**gate))  # pyright: ignore[reportArgumentType] - the members of Gate


def missing(*what: str) -> Readiness:
    return Readiness("not_ready", what)


def test_all_declared_deliverables_are_required_unless_the_gate_says_which() -> None:
    assert readiness(write(DRAFT, COVER), {"draft"}, (), None) == missing("Deliverable: cover")
    assert readiness(write(DRAFT, COVER), {"draft", "cover"}, (), None) == READY
    assert readiness(write(DRAFT, COVER, required_deliverables=("draft",)), {"draft"}, (), None) == READY


@pytest.mark.parametrize("status", OPEN)
def test_every_task_of_the_phase_must_be_complete_and_a_failed_one_is_not(status: TaskStatus) -> None:
    tasks = [Task("one"), Task("two", status), Task("three", status)]
    assert readiness(write(DRAFT), {"draft"}, tasks, None) == missing("2 tasks incomplete")
    assert readiness(write(DRAFT), {"draft"}, tasks[:1], None) == READY


FAILED = TaskStatus.FAILED


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ([Task("one", FAILED), Task("one")], READY),
        ([Task("one", FAILED), Task("one", FAILED), Task("one")], READY),
        ([Task("one", FAILED), Task("one", TaskStatus.RUNNING)], missing("1 tasks incomplete")),
        ([Task("one", FAILED), Task("one", FAILED)], missing("1 tasks incomplete")),
        ([Task("one"), Task("one", FAILED)], missing("1 tasks incomplete")),
        ([Task("one", FAILED), Task("two")], missing("1 tasks incomplete")),
        ([Task("one", FAILED), Task("one", phase="review")], missing("1 tasks incomplete")),
        ([Task("one", TaskStatus.PENDING), Task("one")], missing("1 tasks incomplete")),
    ],
)
def test_a_failed_task_is_made_good_by_a_later_one_of_its_name_in_its_phase(
    tasks: list[Task], expected: Readiness
) -> None:
    assert readiness(write(DRAFT), {"draft"}, tasks, None) == expected


def test_tasks_of_other_phases_and_the_supervisor_task_do_not_count() -> None:
    others = [
        Task("two", TaskStatus.PENDING, phase="review"),
        Task("drive", TaskStatus.RUNNING, is_supervisor=True),
    ]
    assert readiness(write(DRAFT), {"draft"}, others, None) == READY
    assert readiness(
        write(required_tasks=MinComplete(1)), (), [Task("drive", is_supervisor=True)], None
    ) == missing("1 tasks incomplete")


@pytest.mark.parametrize(
    ("requirement", "tasks", "expected"),
    [
        ("none", [Task("one", TaskStatus.PENDING)], READY),
        (MinComplete(2), [Task("one"), Task("two", TaskStatus.FAILED)], missing("1 tasks incomplete")),
        (MinComplete(2), [Task("one"), Task("two"), Task("three", TaskStatus.PENDING)], READY),
        (NamedTasks(("one", "two")), [Task("one"), Task("two", TaskStatus.RUNNING)], missing("Task: two")),
        (NamedTasks(("one",)), [Task("one"), Task("two", TaskStatus.RUNNING)], READY),
        (NamedTasks(("one",)), [Task("one", TaskStatus.FAILED), Task("one")], READY),
    ],
)
def test_a_gate_says_which_tasks_it_needs(
    requirement: TaskRequirement, tasks: list[Task], expected: Readiness
) -> None:
    assert readiness(write(DRAFT, required_tasks=requirement), {"draft"}, tasks, None) == expected


def test_deliverables_tasks_and_validator_are_all_told() -> None:
    phase = write(DRAFT, validator="lint")
    assert readiness(phase, (), [Task("one", TaskStatus.PENDING)], None) == missing(
        "Deliverable: draft", "1 tasks incomplete", "Validator: lint"
    )


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [(None, missing("Validator: lint")), (False, missing("Validator: lint")), (True, READY)],
)
def test_a_validator_must_have_passed(verdict: bool | None, expected: Readiness) -> None:
    assert readiness(write(DRAFT, validator="lint"), {"draft"}, (), verdict) == expected


def test_what_a_validator_had_to_say_is_told() -> None:
    phase = write(validator="lint")
    assert readiness(phase, (), (), False, "two warnings") == missing("Validator: lint (two warnings)")
    assert readiness(phase, (), (), False, "") == missing("Validator: lint")
    assert readiness(phase, (), (), True, "well done") == READY


@pytest.mark.parametrize(
    "phase",
    [
        write(),
        write(DRAFT, required_deliverables=(), required_tasks="none"),
        write(required_tasks=MinComplete(0)),
        write(required_tasks=NamedTasks(())),
    ],
)
def test_a_phase_with_nothing_to_require_is_ready_but_not_by_its_gate(phase: Phase) -> None:
    found = readiness(phase, (), (), None)
    assert found.kind == "no_gate"
    assert found.ready
    assert not found.by_gate


def test_work_makes_a_gate_of_a_phase_that_declares_nothing() -> None:
    assert readiness(write(), (), [Task("one", TaskStatus.RUNNING)], None) == missing("1 tasks incomplete")
    assert readiness(write(), (), [Task("one")], None).by_gate


def test_each_built_in_phase_needs_its_deliverable() -> None:
    for phases in contract_types().values():
        for phase in phases:
            [deliverable] = phase.deliverables
            assert readiness(phase, (), (), None) == missing(f"Deliverable: {deliverable.id}")
            assert readiness(phase, {deliverable.id}, (), None) == READY
