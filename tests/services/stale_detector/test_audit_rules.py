"""What of a sender is compared, and when a difference is one: rules without a server (the audit itself: test_auditor)."""

from dataclasses import replace

import pytest
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged, AgentStuck
from makima_schemas.codec import Event
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState, SupervisorStateChanged
from makima_stale_detector.domain.audit import (
    Comparison,
    Difference,
    SenderView,
    Sighting,
    confirmed,
    differences,
    view_of_event,
    view_of_sender,
)
from makima_stale_detector.domain.members.sender import Sender

from tests.services.stale_detector.sender_events import EVIDENCE, NOW

A = AgentStatus
S = SupervisorState
SEEN = SenderView(True, "x", "d1", A.READY)

EVENTS: list[tuple[Event, SenderView | None]] = [
    (SupervisorRegistered("c1", "d1", "x", S.WORKING, "plan"), SenderView(True, "x", "d1")),
    (SupervisorRegistered("c1", "d1", "x", S.COMPLETED, "plan"), SenderView(False, "x", "d1")),
    (SupervisorStateChanged("c1", "d1", "x", S.WORKING, S.IDLE, "plan", "heartbeat"), SenderView(True, "x", "d1")),
    (SupervisorStateChanged("c1", "d1", "x", S.WORKING, S.FAILED, "plan", "heartbeat"), SenderView(False, "x", "d1")),
    (AgentJoined("c1", "builder", "x", "d1"), SenderView(True, "x", "d1", A.READY)),
    (AgentJoined("c1", "builder", "x", None), SenderView(True, "x", "", A.READY)),
    (AgentStatusChanged("c1", "builder", A.READY, A.WORKING, "task_taken", "x"), SenderView(True, "x", None, A.WORKING)),
    (AgentStatusChanged("c1", "builder", A.READY, A.DEAD, "silence", "x"), SenderView(False, "x", None, A.DEAD)),
    (AgentStatusChanged("c1", "builder", A.READY, A.RESTARTING, "crash", "x"), SenderView(False, "x", None, A.RESTARTING)),
    (AgentLeft("c1", "builder", "x"), SenderView(False, "x", None, A.OFFLINE)),
    (DaemonConnected("host"), SenderView(True)),
    (DaemonConnected(""), None),  # named by its supervisors only
    (DaemonDisconnected(EVIDENCE), SenderView(False)),
    (AgentStuck("c1", "builder", "x", NOW), None),
]  # fmt: skip


@pytest.mark.parametrize(("event", "view"), EVENTS, ids=lambda given: type(given).__name__)
def test_what_the_newest_event_says_of_a_sender(event: Event, view: SenderView | None) -> None:
    assert view_of_event(event) == view


@pytest.mark.parametrize(
    ("sender", "view"),
    [
        (Sender("supervisor:t1", True, 7, "c1", "d1", "x"), SenderView(True, "x", "d1")),
        (Sender("agent:c1:builder", False, 7, "c1", "", "x", status=A.DEAD), SenderView(False, "x", "", A.DEAD)),
        (Sender("daemon:d1", True, 7, None, "d1"), SenderView(True)),
    ],
)  # fmt: skip
def test_what_the_detector_itself_says_of_a_sender(sender: Sender, view: SenderView) -> None:
    assert view_of_sender(sender) == view


@pytest.mark.parametrize(
    ("view", "is_watched"),
    [
        (SenderView(True), True),
        (SenderView(False), False),
        (SenderView(False, status=A.RESTARTING), True),  # it has a deadline to come back
        (SenderView(False, status=A.DEAD), False),
        (SenderView(True, status=A.READY), True),
    ],
)
def test_who_has_a_deadline_is_watched(view: SenderView, *, is_watched: bool) -> None:
    assert view.watched is is_watched


@pytest.mark.parametrize(
    ("log", "found", "different"),
    [
        (SEEN, SEEN, []),
        (SEEN, replace(SEEN, alive=False), [("alive", "True", "False")]),
        (SEEN, replace(SEEN, connection_id="y"), [("connection", "x", "y")]),
        (SEEN, replace(SEEN, connection_id=None), [("connection", "x", "None")]),
        (SEEN, replace(SEEN, daemon_id="d2"), [("daemon", "d1", "d2")]),
        (replace(SEEN, daemon_id=None), SEEN, []),  # the log's newest event does not say where it runs
        (SEEN, replace(SEEN, status=A.DEAD), [("status", "ready", "dead")]),
        (SEEN, SenderView(False, "y", "d2", A.DEAD), [("alive", "True", "False"), ("connection", "x", "y"), ("daemon", "d1", "d2"), ("status", "ready", "dead")]),
        (SEEN, None, [("the sender", "ready", "not known")]),
        (SenderView(True, "x", "d1"), None, [("the sender", "alive", "not known")]),
        (SenderView(False, "x", "d1", A.RESTARTING), None, [("the sender", "restarting", "not known")]),
        (SenderView(False, "x", "d1"), None, []),  # nobody judges who has ended
    ],
)  # fmt: skip
def test_a_source_differs_from_the_log_in_what_it_says_and_only_in_that(
    log: SenderView, found: SenderView | None, different: list[tuple[str, str, str]]
) -> None:
    assert differences("memory", log, found) == [Difference("memory", *each) for each in different]


def test_a_difference_is_told_in_a_sentence() -> None:
    one = Difference("read_model", "connection", "x", "y")
    assert str(one) == "read_model: connection is y, by the log x"


ALIVE, STATUS = (
    Difference("memory", "alive", "True", "False"),
    Difference("memory", "status", "ready", "dead"),
)
FIRST = Sighting(10, 12, frozenset({ALIVE, STATUS}))


@pytest.mark.parametrize(
    ("head", "reached", "again", "stands"),
    [
        (10, 12, {ALIVE, STATUS}, {ALIVE, STATUS}),
        (10, 99, {ALIVE}, {ALIVE}),  # the other one was on its way
        (10, 12, {Difference("memory", "daemon", "d1", "d2")}, set[Difference]()),
        (11, 12, {ALIVE, STATUS}, set[Difference]()),  # something has happened to it since
        (
            10,
            11,
            {ALIVE, STATUS},
            set[Difference](),
        ),  # a source had not read what another had at the first look
    ],
)
def test_a_difference_stands_if_a_later_look_finds_it_and_nothing_was_on_its_way(
    head: int, reached: int, again: set[Difference], stands: set[Difference]
) -> None:
    later = Comparison(reached, frozenset(), {"agent:c1:builder": Sighting(head, 99, frozenset(again))})
    assert confirmed(FIRST, later, "agent:c1:builder") == stands


def test_who_agrees_at_the_later_look_does_not_differ() -> None:
    assert (
        confirmed(FIRST, Comparison(99, frozenset({"agent:c1:builder"})), "agent:c1:builder") == frozenset()
    )
