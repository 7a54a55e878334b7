"""What is progress, and whose the log tells: rules, by table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makima_schemas.agent import AgentStatus
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus
from makima_schemas.heartbeat import ChildProcess
from makima_schemas.identity import agent_actor
from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.daemon import Daemon
from makima_supervisor_heartbeat.domain.moves import EVERYONE, MOVES, follow_held, mover
from makima_supervisor_heartbeat.domain.progress import (
    REMEMBERED_ACTIVITIES,
    ProgressState,
    at_work,
    remembered,
    tells_progress,
)
from makima_supervisor_heartbeat.domain.sender_state import SenderState
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor

from tests.services.supervisor_heartbeat.progress_story import S, beat

PENDING = '{"pending_task_ids":["a1","a2"]}'


@pytest.mark.parametrize(
    ("before", "after", "is_progress"),
    [
        ({}, {}, False),
        ({}, {"progress": 41}, True),
        ({"progress": 41}, {"progress": 40}, True),
        ({}, {"progress": None}, False),
        ({"state": S.WORKING}, {"state": S.IDLE}, True),
        ({"state": S.IDLE}, {"state": S.IDLE}, False),
        ({"detail": PENDING}, {"detail": '{"pending_task_ids":["a2","a1"]}'}, False),
        ({"detail": PENDING}, {"detail": '{"pending_task_ids":["a2"]}'}, True),
        ({"detail": PENDING}, {"detail": None}, True),
        ({}, {"activity": "linting"}, True),
        ({}, {"activity": ""}, False),
        ({}, {"activity": None}, False),
        ({}, {"activity": "told before"}, False),
        ({}, {"connection_id": "b"}, True),
        ({}, {"quiet_ns": 5}, False),
        ({}, {"child": ChildProcess(7, "make", 1.0)}, True),
        ({}, {"child": ChildProcess(7, "make", 0.0)}, False),
        ({}, {"child": ChildProcess(7, "make")}, False),
        ({"child": ChildProcess(7, "make", 1.0)}, {"child": ChildProcess(7, "make", 1.0)}, False),
        ({"child": ChildProcess(7, "make", 1.0)}, {"child": ChildProcess(7, "make", 1.1)}, True),
        ({"child": ChildProcess(7, "make", 1.0)}, {"child": ChildProcess(7, "make", 0.9)}, False),
        ({"child": ChildProcess(7, "make", 9.0)}, {"child": ChildProcess(8, "make", 0.5)}, True),
        ({"child": ChildProcess(7, "make", 1.0)}, {}, False),
    ],
)
def test_what_is_progress(before: dict[str, object], after: dict[str, object], *, is_progress: bool) -> None:
    known, told = beat(**before), remembered(remembered((), "told before"), "testing")
    assert tells_progress(beat(**after), known, told, known.child) is is_progress


HELD = {"x": "builder", "y": "tester"}


WHOSE: list[tuple[object, str | None]] = [
    (e.TaskCreated("z", "z", "plan"), "supervisor"),
    (e.TaskCreated("t1", "t1", "plan", is_supervisor=True), None),
    (e.TaskClaimed("z", "builder"), "builder"),
    (e.TaskStarted("x"), "builder"),
    (e.TaskCompleted("y", "y"), "tester"),
    (e.TaskFailed("x", "x"), "builder"),
    (e.TaskCompleted("nobody's", "n"), None),
    (e.TaskReleased("x"), None),
    (e.DeliverableCompleted("plan", "d"), EVERYONE),
    (e.QuestionAsked("q", "?", "text"), EVERYONE),
    (e.QuestionAsked("q", "?", "text", again=True), None),
    (e.QuestionAnswered("q", "!"), EVERYONE),
    (e.MessageSent("m", "user", "hi"), None),
    (e.ContractPaused(None, ContractStatus.ACTIVE), None),
]


@pytest.mark.parametrize(("event", "whose"), WHOSE)
def test_whose_progress_an_event_is(event: object, whose: str | None) -> None:
    assert mover(event, HELD, "owner:local") == mover(event, HELD, "daemon:d1") == whose


def test_the_events_that_are_read_for_progress_are_those_that_may_be_somebodys() -> None:
    assert {type(event) for event, whose in WHOSE if whose is not None} == MOVES


@pytest.mark.parametrize(
    ("event", "held"),
    [
        (e.TaskClaimed("z", "builder"), HELD | {"z": "builder"}),
        (e.TaskClaimed("x", "tester"), HELD | {"x": "tester"}),
        (e.TaskStarted("x"), HELD),
        (e.TaskCompleted("x", "x"), {"y": "tester"}),
        (e.TaskFailed("x", "x"), {"y": "tester"}),
        (e.TaskReleased("x"), {"y": "tester"}),
        (e.TaskReleased("nobody's"), HELD),
    ],
)
def test_who_holds_a_task_follows_its_events(event: object, held: dict[str, str]) -> None:
    known = dict(HELD)
    follow_held(known, event)
    assert known == held


@pytest.mark.parametrize("role", ["builder", "supervisor"])
@pytest.mark.parametrize(
    "event",
    [e.DeliverableCompleted("plan", "d"), e.QuestionAsked("q", "?", "text"), e.QuestionAnswered("q", "!")],
)
def test_what_an_agent_did_by_its_own_token_is_its_own_progress(event: object, role: str) -> None:
    assert mover(event, HELD, agent_actor("c1", role)) == role


@given(st.lists(st.sampled_from("abcdefghijkl"), max_size=40))
def test_the_last_different_activities_are_remembered(told: list[str]) -> None:
    kept: tuple[int, ...] = ()
    for activity in told:
        kept = remembered(kept, activity)
    newest_first = list(dict.fromkeys(reversed(told)))[:REMEMBERED_ACTIVITIES]
    assert list(kept) == [hash(each) for each in reversed(newest_first)]


def test_activities_are_remembered_newest_last_and_the_oldest_is_forgotten() -> None:
    known = tuple[int, ...]()
    for number in range(9):
        known = remembered(known, f"step {number}")
    assert known == tuple(hash(f"step {number}") for number in range(1, 9))
    assert remembered(known, None) == remembered(known, "") == known
    assert remembered(known, "step 3")[-1] == hash("step 3")


@pytest.mark.parametrize(
    ("state", "said", "is_asked"),
    [
        (Agent(status=AgentStatus.WORKING), None, True),
        (Agent(status=AgentStatus.READY), None, False),
        (Supervisor(state=S.WORKING), S.WORKING, True),
        (Supervisor(state=S.WORKING), S.WAITING_FOR_USER, False),  # as it says now
        (Daemon(connected=True), None, False),
    ],
)
def test_progress_is_asked_of_whoever_is_at_work(
    state: SenderState, said: S | None, *, is_asked: bool
) -> None:
    assert at_work(state, beat(state=said)) is is_asked


def test_what_was_written_of_progress_is_written_anew_once_it_changed() -> None:
    state = ProgressState(1, 2, columns="1\\t2")
    assert not state.moved
    state.judge_from(5)
    assert (state.progress_ns, state.judged_ns, state.columns) == (1, 5, "")
    state.columns = "1\\t5"
    state.progress(7)
    assert (state.progress_ns, state.judged_ns, state.columns) == (7, 7, "")
