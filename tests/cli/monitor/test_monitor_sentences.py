"""Events on the screen are sentences, in the words of the page: no raw members, no UUID of a task."""

from dataclasses import replace

import pytest
from makima_cli.event_summary import sentence
from makima_cli.monitor.logged import logged_sentence
from makima_cli.monitor.model import Pane
from makima_cli.monitor.record import Logged, Tab
from makima_schemas.contract.model import TaskStatus
from makima_sdk.models import Task

from tests.cli.monitor.records import opened
from tests.cli.monitor.states import NOW, event, fleet, screen, typed

UUID = "8a611fae-c3b5-8000-9d0e-5f6a7b8c9d0e"


MESSAGES: tuple[tuple[tuple[str, dict[str, object]], str], ...] = (
        (("StatusChanged", {"old_status": "active", "new_status": "paused", "reason": "lunch"}), "active → paused: lunch"),
        (("StatusChanged", {"old_status": None, "new_status": "created"}), "new → created"),
        (("StatusChanged", {"old_status": "archived", "new_status": None}), "archived → deleted"),
        (("StatusChanged", {"old_status": "active", "new_status": "waiting_for_input"}), "active → waiting for input"),
        (("PhaseChanged", {"old_phase": "plan", "new_phase": "execute"}), "phase plan → execute"),
        (("SupervisorStateChanged", {"supervisor_task_id": UUID, "old_state": None, "new_state": "working"}), "supervisor new → working"),
        (("StaleDetected", {"stale_duration": 1800.5}), "stale, silent for 30m"),
        (("StaleCleared", {}), "no longer stale"),
        (("TaskCompleted", {"task_id": UUID, "task_name": "do it", "success": True}), "task completed: do it"),
        (("TaskCompleted", {"task_id": UUID, "task_name": "do it", "success": False}), "task failed: do it"),
        (("DeliverableCompleted", {"deliverable_id": "plan-document"}), "deliverable plan-document"),
        (("QuestionAsked", {"question_id": UUID, "question": "Which?"}), "asks: Which?"),
        (("QuestionAnswered", {"question_id": UUID}), "answered"),
        (("AgentStatusChanged", {"role": "builder", "old_status": "ready", "new_status": "dead_failed_revive"}), "builder READY → DEAD (UNRECOVERABLE)"),
        (("AgentStatusChanged", {"role": "builder", "old_status": "dead", "new_status": "restarting", "restarts": {"attempts": 2, "of": 3}}), "builder DEAD → RESTARTING 2/3"),
        (("SomethingNew", {"task_id": UUID, "reason": "why not"}), "SomethingNew  reason=why not"),
)  # fmt: skip


@pytest.mark.parametrize(("message", "says"), MESSAGES)
def test_a_message_is_a_sentence(message: tuple[str, dict[str, object]], says: str) -> None:
    kind, members = message
    assert sentence({**event(kind, 7, name="the contract"), **members}) == says


@pytest.mark.parametrize(
    ("kind", "members", "says"),
    [
        ("TaskCreated", {"task_id": UUID, "name": "do it", "phase": "plan", "role": "builder"}, "do it: plan for builder"),
        ("TaskClaimed", {"task_id": UUID, "role": "builder"}, "do it: plan by builder"),
        ("TaskStarted", {"task_id": UUID}, "do it: plan"),
        ("TaskReleased", {"task_id": UUID, "reason": "its agent was gone"}, "do it: plan: its agent was gone"),
        ("TaskCompleted", {"task_id": UUID, "name": "do it", "result": "exit code 0"}, "do it: plan, exit code 0"),
        ("TaskFailed", {"task_id": UUID, "name": "do it", "result": "exit code 1"}, "do it: plan, exit code 1"),
        ("PhaseChanged", {"from_phase": "plan", "to_phase": "execute", "confirmed": True}, "plan → execute, confirmed"),
        ("PhaseChanged", {"from_phase": "plan", "to_phase": "execute", "forced": True, "reason": "r"}, "plan → execute, forced: r"),
        ("QuestionAsked", {"question_id": UUID, "question": "Which?", "options": ["a", "b"]}, "Which?   1 a   2 b"),
        ("QuestionAnswered", {"question_id": UUID, "answer": "blue"}, "blue"),
        ("DeliverableCompleted", {"phase": "plan", "deliverable_id": "doc", "evidence": "a file"}, "doc, a file"),
        ("ContractBlocked", {"reason": "staging is in use"}, "staging is in use"),
        ("ContractAssigned", {"daemon_id": "daemon-ada", "because": "fewest", "connection_id": UUID, "task_id": UUID}, "to daemon-ada"),
        ("MessageSent", {"message_id": UUID, "role": "user", "content": "hello"}, "user: hello"),
        ("InputAwaited", {"waiting_for": "phase_confirmation"}, "for phase confirmation"),
        ("ContractResumed", {"to": "waiting_for_input"}, "to waiting for input"),
        ("ContractStarted", {}, ""),
        ("SomethingNew", {"what_id": UUID, "why": "x"}, "why=x"),
    ],
)  # fmt: skip
def test_an_event_of_the_log_is_a_sentence_with_the_names_of_tasks(
    kind: str, members: dict[str, object], says: str
) -> None:
    task = Task(UUID, "c1", "do it", "plan", TaskStatus.RUNNING, "builder")
    assert logged_sentence(Logged(7, NOW, kind, members), {UUID: task}) == says


def test_neither_the_pane_nor_the_tab_shows_a_uuid() -> None:
    state = fleet()
    state.fold(event("TaskCompleted", 2, task_id=UUID, task_name="do it: review", success=True))
    assert "task completed: do it: review" in screen(state)[20]
    typed(state, "3")
    assert "8a611fae" not in "\n".join(screen(state))
    assert state.pane is Pane.EVENTS
    inside = opened()
    record = inside.inside.record
    assert record is not None
    log = (*record.log, Logged(10, NOW, "TaskStarted", {"task_id": "t2"}))
    inside.inside.record = replace(record, log=log, contract=replace(record.contract, version=10))
    assert inside.inside.tab is Tab.EVENTS
    assert any("TaskStarted" in line and "do it: execute" in line for line in screen(inside))


def test_the_events_filter_by_the_words_that_are_shown_and_by_type() -> None:
    state = fleet()
    state.fold(event("QuestionAsked", 2, question="Which?"))
    state.fold(event("TaskCompleted", 3, task_name="no type:QuestionAsked", success=True))
    typed(state, "3/")
    typed(state, "type:QuestionAsked\n")
    assert [each["position"] for each in state.listed_events()] == [2]
    typed(state, "/")
    state.prompt = state.prompt and state.prompt._replace(text="")
    typed(state, "task completed\n")
    assert [each["position"] for each in state.listed_events()] == [3, 1]
