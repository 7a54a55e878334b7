"""The read model's fold against the contract's own: whatever happens, a row says what the domain says."""

from collections.abc import Sequence
from typing import get_args

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makima_contract.domain.statuses import LIFECYCLE
from makima_gateway.read_model.rows import ContractRow
from makima_kernel.commands.lifecycle import Mark
from makima_kernel.commands.lifecycle import Recorded as RecordedIn
from makima_schemas.contract import events as e
from makima_schemas.contract.events import ContractEvent
from makima_schemas.contract.model import ContractStatus, TaskStatus
from makima_schemas.contract.status_effects import LEADS_TO

from tests.services.contract.contract_states import IN
from tests.services.gateway.read_model.folded import KEY, folded, row_of, said
from tests.services.gateway.read_model.random_logs import walk


@pytest.mark.parametrize("event", get_args(ContractEvent), ids=lambda event: event.__name__)
def test_an_event_leads_where_the_lifecycle_says(event: type) -> None:
    row = next(row for row in LIFECYCLE.rows if row.records is event)
    if isinstance(row.then, RecordedIn):
        assert event not in LEADS_TO
        assert row.then.by == "to"
    else:
        assert LEADS_TO.get(event) == (None if isinstance(row.then, Mark) else row.then)


@pytest.mark.parametrize("status", IN, ids=str)
def test_a_row_has_the_status_that_its_story_leads_to(status: ContractStatus) -> None:
    assert row_of(*IN[status]).status == status


@given(st.integers())
@settings(max_examples=100, deadline=None)
def test_a_row_is_what_the_domain_makes_of_any_story(seed: int) -> None:
    story, state = walk(seed, 60)
    rows = folded(*story)
    assert rows.orphans == []
    if state.deleted or state.status is None:
        assert KEY not in rows.contracts
        assert (rows.tasks, rows.questions, rows.messages) == ({}, {}, [])
        return
    row = rows.contracts[KEY]
    assert (row.status, row.waiting_for, row.phase, row.version) == (
        state.status,
        state.waiting_for,
        state.phase_name,
        len(story),
    )
    assert (row.phase_guard, row.auto_complete_enabled) == (state.phase_guard, state.auto_complete_enabled)
    assert row.validated == (state.verdict.passed if state.verdict else None)
    assert row.validation_reason == (state.verdict.reason if state.verdict else None)
    delivered = {(item["phase"], item["id"]) for item in orjson.loads(row.deliverables) if item["completed"]}
    assert delivered == state.delivered
    assert {key[2]: (task.status, task.connection_id) for key, task in rows.tasks.items()} == {
        task_id: (task.status, task.connection_id) for task_id, task in state.tasks.items()
    }
    assert {key[2]: task.wanted_role for key, task in rows.tasks.items()} == {
        task_id: task.role for task_id, task in state.tasks.items()
    }
    assert {key[2]: question.answer for key, question in rows.questions.items()} == {
        question_id: question.answer for question_id, question in state.questions.items()
    }
    _check_counts(row, [task.status for task in state.tasks.values() if not task.is_supervisor])


def _check_counts(row: ContractRow, statuses: Sequence[TaskStatus]) -> None:
    counted = (row.tasks_pending, row.tasks_claimed, row.tasks_running, row.tasks_completed, row.tasks_failed)
    assert counted == tuple(statuses.count(status) for status in TaskStatus)
    assert row.tasks_total == len(statuses)


@given(st.integers())
@settings(max_examples=50, deadline=None)
def test_status_changes_are_told_as_one_chain(seed: int) -> None:
    story, state = walk(seed, 40)
    chain = [
        (message["old_status"], message["new_status"])
        for message in said(folded(*story))
        if message["type"] == "StatusChanged"
    ]
    assert chain[0] == (None, "created")
    assert [new for _, new in chain][:-1] == [old for old, _ in chain][1:]
    assert chain[-1][1] == (None if state.deleted else state.status)
    assert all(old != new for old, new in chain)


def test_what_moves_the_activity_moves_it() -> None:
    before = (*IN[ContractStatus.ACTIVE], e.TaskCreated("t1", "write", "plan"))
    for event in (
        e.PhaseChanged("plan", "execute"),
        e.DeliverableCompleted("plan", "plan-document"),
        e.TaskCreated("t2", "write", "plan"),
        e.TaskStarted("t1"),
        e.TaskCompleted("t1", "write"),
        e.TaskFailed("t1", "write"),
        e.MessageSent("m1", "user", "hello"),
        e.QuestionAsked("q1", "why?", "text"),
    ):
        row = row_of(*before, event)
        assert row.last_activity_at == row.updated_at, type(event).__name__
    for event in (
        e.TaskClaimed("t1", "builder"),
        e.PhaseGuardSet(enabled=True),
        e.ContractPaused(None, ContractStatus.ACTIVE),
    ):
        row = row_of(*before, event)
        assert row.last_activity_at < row.updated_at, type(event).__name__


def test_until_something_is_done_the_activity_is_counted_from_the_last_update() -> None:
    untouched = (*IN[ContractStatus.ACTIVE], e.PhaseGuardSet(enabled=True))
    row = row_of(*untouched)
    assert row.created_at < row.last_activity_at == row.updated_at
    row = row_of(*untouched, e.MessageSent("m1", "user", "hello"), e.PhaseGuardSet(enabled=False))
    assert row.last_activity_at < row.updated_at


def test_the_reasons_stand_as_long_as_they_hold() -> None:
    blocked = (*IN[ContractStatus.ACTIVE], e.ContractBlocked("no network"))
    assert row_of(*blocked).blocked_reason == "no network"
    assert row_of(*blocked, e.ContractPaused(None, row_of(*blocked).status)).blocked_reason == "no network"
    assert (
        row_of(*blocked, e.ContractUnblocked(row_of(*IN[ContractStatus.ACTIVE]).status)).blocked_reason
        is None
    )
    failed = (*IN[ContractStatus.ACTIVE], e.ContractFailed("no budget"))
    assert row_of(*failed).failure_reason == "no budget"
    assert (
        row_of(*failed, e.ContractReopened("again", row_of(*IN[ContractStatus.ACTIVE]).status)).failure_reason
        is None
    )


def test_a_released_task_waits_again_for_the_role_it_was_made_for() -> None:
    tasks = folded(
        *IN[ContractStatus.ACTIVE],
        e.TaskCreated("t1", "write", "plan"),
        e.TaskClaimed("t1", "builder", "k1"),
        e.TaskReleased("t1"),
        e.TaskCreated("t2", "write", "plan", role="reviewer"),
        e.TaskClaimed("t2", "reviewer", "k1"),
        e.TaskReleased("t2"),
        e.TaskCreated("t3", "write", "plan"),
        e.TaskClaimed("t3", "builder", "k1"),
    ).tasks
    assert [tasks[(*KEY, task)].role for task in ("t1", "t2", "t3")] == [None, "reviewer", "builder"]


def test_the_supervisor_task_never_counts() -> None:
    row = row_of(
        *IN[ContractStatus.ACTIVE],
        e.TaskCreated("s", "drive", "plan", is_supervisor=True),
        e.TaskCreated("t", "write", "plan"),
    )
    assert (row.tasks_total, row.tasks_pending) == (1, 1)


def test_an_event_of_what_is_not_held_is_set_aside_and_the_rest_goes_on() -> None:
    rows = folded(
        e.ContractStarted(), *IN[ContractStatus.CREATED], e.TaskStarted("nobody"), e.ContractStarted()
    )
    assert [orphan.position for orphan in rows.orphans] == [1, 3]
    assert rows.contracts[KEY].status == "active"


def test_a_position_says_at_most_one_thing() -> None:
    rows = folded(*IN[ContractStatus.COMPLETING])
    positions = [row.position for row in rows.monitor_events]
    assert len(positions) == len(set(positions))
    assert [message["type"] for message in said(rows)] == [
        "StatusChanged",
        "StatusChanged",
        "DeliverableCompleted",
        "PhaseChanged",
        "DeliverableCompleted",
        "StatusChanged",
    ]
