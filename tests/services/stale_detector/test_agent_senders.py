"""Whether an agent is waited for, under which connection, and since when: from what the log says of it."""

import pytest
from makima_schemas.agent import AgentEvent, AgentStatus
from makima_schemas.silence import SilenceDetected
from makima_stale_detector.domain.members.sender import Sender, sender_of_event
from makima_stale_detector.domain.verdicts.silence_detected import silence_detected_for

from tests.services.stale_detector.agent_events import (
    DEAD,
    LEFT,
    NAME,
    RESTARTING,
    STREAM,
    changed,
    fold,
    joined,
)
from tests.services.stale_detector.recorded import NOON, recorded
from tests.services.stale_detector.sender_events import EVIDENCE


def test_an_agent_that_joined_is_waited_for_on_its_daemon_and_alone_without_one() -> None:
    ready = AgentStatus.READY
    assert fold(joined()) == Sender(NAME, True, 1, "c1", "d1", "x", (), ready, 1, NOON)
    alone = fold(joined(daemon=None))
    assert (alone.daemon_id, alone.domain) == ("", NAME)
    assert fold(joined(), joined("x", daemon="d2")).domain == "d2"


@pytest.mark.parametrize(
    ("event", "waited_for"),
    [
        (joined(), True),
        (changed(AgentStatus.WORKING), True),
        (changed(AgentStatus.READY, "tasks_done"), True),
        (DEAD, False),
        (changed(AgentStatus.DEAD, "heartbeat_expired", None), False),
        (RESTARTING, False),
        (changed(AgentStatus.DEAD, "restart_expired"), False),
        (changed(AgentStatus.DEAD_FAILED_REVIVE, "restart_exhausted"), False),
        (changed(AgentStatus.OFFLINE, "cleanup"), False),
        (LEFT, False),
    ],
)
def test_an_agent_is_waited_for_while_it_is_ready_or_working(event: AgentEvent, *, waited_for: bool) -> None:
    for before in ((), (joined(),), (joined(), RESTARTING), (joined(), DEAD)):
        assert fold(*before, event).alive is waited_for


def test_each_join_is_a_sign_of_life_and_work_is_none() -> None:
    assert fold(joined(), changed(AgentStatus.WORKING)).alive_position == 1
    assert fold(joined(), joined()).alive_position == 2
    assert fold(joined(), DEAD, joined()).alive_position == 3


def test_only_the_connection_in_force_counts() -> None:
    """Neither one that was replaced, nor one that has not joined, nor one of before that comes again unasked."""
    agent = fold(joined("x"), joined("y"))
    assert [agent.accepts("c1", each) for each in ("x", "y", "z")] == [False, True, False]
    assert agent.accepts("c1", None), "refused, and nobody else's: proves that it lives"
    assert agent.accepts("", None)
    assert not agent.accepts("c2", "y")
    assert fold(joined("x"), joined("y"), joined("x")).accepts("c1", "x"), "the log decides who is in force"


def test_a_report_of_its_daemon_leaves_its_connection_in_force() -> None:
    assert fold(joined(), changed(AgentStatus.DEAD, "heartbeat_expired", None)).connection_id == "x"


def test_since_when_it_is_restarted_is_the_version_that_says_so() -> None:
    assert fold(joined(), changed(AgentStatus.WORKING), RESTARTING).status_version == 3


def test_silence_is_told_of_an_agent_that_was_judged_and_not_of_one_that_its_daemon_saw_die() -> None:
    assert sender_of_event(recorded(STREAM, DEAD), DEAD) == NAME
    told = silence_detected_for(recorded(STREAM, DEAD), DEAD)
    assert told == SilenceDetected("agent", "c1:builder", "c1", "x", EVIDENCE)
    for event in (
        changed(AgentStatus.DEAD, "restart_expired"),
        changed(AgentStatus.OFFLINE, "cleanup"),
        joined(),
        LEFT,
    ):
        assert silence_detected_for(recorded(STREAM, event), event) is None
