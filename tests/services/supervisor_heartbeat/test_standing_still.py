"""Who stands still for too long is stuck, once, until it gets on; who is not asked for progress is not."""

from datetime import UTC, datetime
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makima_schemas.agent import AgentJoined, AgentStatus, AgentStatusChanged
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus
from makima_schemas.heartbeat import ChildProcess
from makima_schemas.heartbeat_codec import Address
from makima_schemas.identity import agent_actor
from makima_schemas.supervisor import SupervisorStateChanged, SupervisorStuck
from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.contracts import Assigned
from makima_supervisor_heartbeat.domain.progress_watch import got_on
from makima_supervisor_heartbeat.domain.stuck import ObserveProgress, ObserveStuck
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor

from tests.services.supervisor_heartbeat.messages import address
from tests.services.supervisor_heartbeat.progress_story import AGENT, OTHER, SUPERVISOR, S, Story, beat, time

LATE = datetime(2030, 1, 1, tzinfo=UTC)
MADE = e.TaskCreated("x", "x", "plan")
PAUSED, RESUMED = e.ContractPaused(None, ContractStatus.ACTIVE), e.ContractResumed(ContractStatus.ACTIVE)


@pytest.mark.parametrize("sender", [AGENT, SUPERVISOR])
def test_standing_still_is_told_once_and_ended_by_progress(sender: Address) -> None:
    story = Story().beats(0, 1200, sender=sender)
    assert story.found == [("stuck", 600)]
    story.beats(1230, 1290, sender=sender, activity="something else")
    assert story.found == [("stuck", 600), ("progressed", 1230)]
    assert story.beats(1320, 2400, sender=sender, activity="something else").found[2:] == [("stuck", 1830)]


def test_going_round_in_circles_is_no_progress() -> None:
    story = Story()
    for at in range(0, 1201, 30):
        story.hear(at, activity=f"step {at // 30 % 8}")
    assert story.found == [("stuck", 7 * 30 + 600 + 0)]


def test_a_longer_round_is_progress() -> None:
    story = Story()
    for at in range(0, 2401, 30):
        story.hear(at, activity=f"step {at // 30 % 9}")
    assert not story.found


def test_what_another_connection_did_before_is_no_circle() -> None:
    story = Story().hear(0, activity="reads").hear(30, activity="tests")
    joined = AgentJoined("c1", "builder", "b", "d1")
    works = AgentStatusChanged("c1", "builder", AgentStatus.READY, AgentStatus.WORKING, "reported", "b")
    for version, event in enumerate((joined, works), 3):
        story.senders.apply_event(AGENT.sender, AGENT.entity_id, event, version + 1, version)
    story.beats(60, 270, connection_id="b", activity="tests")
    assert story.beats(300, 900, connection_id="b", activity="reads").found == [("stuck", 900)]


def test_a_child_that_uses_the_processor_is_progress() -> None:
    story = Story()
    for at in range(0, 1201, 30):
        story.hear(at, child=ChildProcess(7, "make", at / 10))
    assert not story.found
    assert story.beats(1230, 2400, child=ChildProcess(7, "make", 120.0)).found == [("stuck", 1800)]


def test_a_child_that_rests_is_no_progress_whatever_is_said_beside_it() -> None:
    story = Story().hear(0, activity="a", child=ChildProcess(7, "make", 0.0))
    for at in range(30, 691, 30):
        story.hear(at, activity="ab"[at // 30 % 2], child=ChildProcess(7, "make", 100.0))
    assert story.found == [("stuck", 630)]


def test_what_is_told_of_who_stands_still() -> None:
    for said, activity in (("testing", "testing"), ("", None)):
        story = Story().beats(0, 600, activity=said).beats(630, 660, activity="something else")
        stuck, progressed = story.told
        assert isinstance(stuck, ObserveStuck)
        assert (stuck.connection_id, stuck.progress_at, stuck.activity) == ("a", time(0), activity)
        assert (stuck.heard.stream_epoch, stuck.heard.stream_sequence) == ("e1", beat(600).sequence)
        assert isinstance(progressed, ObserveProgress)
        assert (progressed.connection_id, progressed.progress_at) == ("a", time(630))


def test_whom_no_heartbeat_asks_for_progress_gets_on_by_being_back() -> None:
    """An agent's status is told by the log, and a supervisor that is interrupted is asked nothing until it is back."""
    works, gone = Supervisor(state=S.WORKING), Supervisor(state=S.INTERRUPTED)
    pairs = ((works, works), (works, gone), (gone, gone), (gone, works))
    assert [got_on(before, after) for before, after in pairs] == [False, True, False, False]
    ready, busy = Agent(status=AgentStatus.READY), Agent(status=AgentStatus.WORKING)
    assert [got_on(ready, busy), got_on(busy, busy)] == [True, False]


def test_a_daemon_is_never_stuck() -> None:
    story, daemon = Story(), address("makima.shards.3.daemon.d1")
    sender = story.senders.of(daemon)
    for at in range(0, 1201, 30):
        said = beat(at, daemon)
        assert story.senders.progress.on_heartbeat(sender, said, "e1", same=True) == ()
        sender.last = said


@pytest.mark.parametrize(
    ("events", "moved"),
    [
        ((e.TaskClaimed("x", "builder"),), {AGENT}),
        ((e.TaskClaimed("x", "builder"), e.TaskStarted("x"), e.TaskCompleted("x", "x")), {AGENT}),
        ((e.TaskClaimed("y", "tester"), e.TaskFailed("y", "y")), {OTHER}),
        ((MADE,), {SUPERVISOR}),
        ((e.DeliverableCompleted("plan", "d"),), {AGENT, OTHER, SUPERVISOR}),
        ((e.QuestionAsked("q", "?", "text"), e.QuestionAnswered("q", "!")), {AGENT, OTHER, SUPERVISOR}),
        ((e.MessageSent("m", "user", "hi"),), set[Address]()),
    ],
)
def test_what_the_log_tells_of_somebody_is_progress_at_its_next_heartbeat(
    events: tuple[object, ...], moved: set[Address]
) -> None:
    for sender in (AGENT, OTHER, SUPERVISOR):
        story = Story().beats(0, 300, sender=sender).logged(310, *events).beats(330, 930, sender=sender)
        assert story.found == [("stuck", 930 if sender in moved else 600)]


def test_a_deliverable_of_one_agent_hides_no_other_that_stands_still() -> None:
    done, builder = e.DeliverableCompleted("plan", "d"), agent_actor("c1", "builder")
    for sender, moved in ((AGENT, True), (OTHER, False), (SUPERVISOR, False)):
        story = Story().beats(0, 300, sender=sender).logged(310, done, actor=builder)
        assert story.beats(330, 930, sender=sender).found == [("stuck", 930 if moved else 600)]


def test_a_late_heartbeat_and_a_fenced_one_tell_nothing() -> None:
    story = Story().beats(0, 540, seq=100)
    story.hear(550, seq=3, activity="told long ago").hear(560, connection_id="old", activity="by another")
    assert story.hear(600, seq=101).found == [("stuck", 600)]


def test_who_is_stuck_and_falls_silent_is_dead_and_not_stuck() -> None:
    story = Story().beats(0, 600, sender=SUPERVISOR)
    sender = story.senders.of(SUPERVISOR)
    gone = SupervisorStateChanged("c1", "d1", "a", S.WORKING, S.INTERRUPTED, "plan", "heartbeat_expired")
    stuck = SupervisorStuck("c1", "a", time(0), "testing")
    story.senders.apply_event(SUPERVISOR.sender, "t1", stuck, 8, 2)
    assert cast("Supervisor", sender.logged).stuck is not None
    story.senders.apply_event(SUPERVISOR.sender, "t1", gone, 9, 3)
    assert cast("Supervisor", sender.logged).stuck is None


@pytest.mark.parametrize("taken_over", [False, True])
def test_who_slept_past_a_verdict_is_not_stuck_at_its_first_heartbeat(*, taken_over: bool) -> None:
    first = Story().beats(0, 30, sender=SUPERVISOR)
    gone = SupervisorStateChanged("c1", "d1", "a", S.WORKING, S.INTERRUPTED, "plan", "heartbeat_expired")
    first.senders.apply_event(SUPERVISOR.sender, "t1", gone, 8, 2)
    story = first
    if taken_over:
        story = Story()
        story.senders.restore(SUPERVISOR.sender, first.senders.of(SUPERVISOR).logged)
        story.senders.set_latest(beat(30, SUPERVISOR))
    assert not story.beats(900, 1470, sender=SUPERVISOR).found
    assert story.hear(1500, sender=SUPERVISOR).found == [("stuck", 1500)]


def test_another_recorder_goes_on_from_what_was_recorded() -> None:
    """Whoever stood still goes on standing still; what the log told since the last heartbeat counts as progress."""
    first = Story().beats(0, 300)
    progress_state = first.senders.of(AGENT).progress_state
    assert progress_state is not None
    for told, at in ((None, 600), (time(300), 600), (time(310), 930)):
        second = Story()
        contract = _assigned(second)
        contract.moved_at = told
        second.senders.set_latest(beat(300), progress_state.progress_ns, progress_state.judged_ns)
        assert second.beats(330, 930).found[:1] == [("stuck", at)]


def test_a_heartbeat_that_an_older_version_recorded_is_where_standing_still_begins() -> None:
    story = Story()
    story.senders.set_latest(beat(300))
    assert story.beats(330, 930).found == [("stuck", 900)]


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(1, 400), st.sampled_from("ab"), st.integers(0, 1), st.booleans()), max_size=40
    )
)
def test_in_any_story_stuck_and_progress_take_turns(told: list[tuple[int, str, int, bool]]) -> None:
    """And nobody is called stuck within the time of its last progress, nor in a contract that waits."""
    story, at, progress, waits, before = Story(), 0, 0, False, ("", -1)
    seen = set[str]()
    for after, activity, percent, toggles in told:
        if toggles:
            waits = not waits
            story.logged(at + 0.5, PAUSED if waits else RESUMED)
        at += after
        known = len(story.found)
        story.hear(at, activity=activity, progress=percent)
        if activity not in seen or percent != before[1]:
            progress = at
        seen.add(activity)
        before = (activity, percent)
        for what, _ in story.found[known:]:
            assert what == "progressed" if progress == at else what == "stuck"
            assert what == "progressed" or (at - progress >= 600 and not waits)
    kinds = [what for what, _ in story.found]
    assert kinds == (["stuck", "progressed"] * len(kinds))[: len(kinds)]


def _assigned(story: Story) -> Assigned:
    contract = story.senders.contracts.assigned("c1")
    assert contract is not None
    return contract
