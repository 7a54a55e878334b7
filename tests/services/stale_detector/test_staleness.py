"""When a contract is stale, and since when, as the log tells it."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from makima_schemas.codec import Event
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus, Phase
from makima_schemas.daemon import DaemonConnected
from makima_schemas.silence import MassSilenceSuspected, StaleCleared, StaleDetected
from makima_schemas.supervisor import SupervisorState
from makima_stale_detector.domain.staleness import moved

from tests.services.stale_detector.recorded import recorded as told
from tests.services.stale_detector.story import START, Story, heard, said, silent

CREATED = e.ContractCreated(
    "demo", "", "simple", "ada", (Phase("plan"),), phase_guard=False, auto_complete_enabled=True
)
STARTED = e.ContractStarted()
HELLO = e.MessageSent("m1", "user", "hello")
ACTIVITY: Sequence[Event] = [
    e.PhaseChanged("plan", "execute"),
    e.DeliverableCompleted("plan", "plan-document"),
    e.TaskCreated("t1", "write", "plan"),
    e.TaskStarted("t1"),
    e.TaskCompleted("t1", "write"),
    e.TaskFailed("t1", "write"),
    e.MessageSent("m1", "user", "hello"),
    e.QuestionAsked("q1", "why?", "text"),
    e.QuestionAnswered("q1", "because"),
]
NO_ACTIVITY: Sequence[Event] = [
    e.TaskClaimed("t1", "builder"),
    e.TaskReleased("t1"),
    e.PhaseGuardSet(enabled=True),
    e.AutoCompleteSet(enabled=False),
    e.PhaseValidated("plan", "lint", passed=True),
]


FOUND = StaleDetected("c1", START, 1800.0, 1801.0)


@pytest.mark.parametrize(
    ("events", "exposed"),
    [
        ([], False),
        ([STARTED], True),
        ([STARTED, e.ContractPaused(None, ContractStatus.ACTIVE)], False),
        (
            [
                STARTED,
                e.ContractPaused(None, ContractStatus.ACTIVE),
                e.ContractResumed(ContractStatus.ACTIVE),
            ],
            True,
        ),
        ([STARTED, e.InputAwaited("question")], True),
        ([STARTED, e.InputAwaited("question"), e.InputReceived()], True),
        ([STARTED, e.ContractBlocked(None)], False),
        ([STARTED, e.ContractBlocked(None), e.ContractUnblocked(ContractStatus.ACTIVE)], True),
        ([STARTED, e.CompletionStarted()], True),
        ([STARTED, e.CompletionStarted(), e.CompletionAborted("work", ContractStatus.ACTIVE)], True),
        ([STARTED, e.ContractCompleted("request")], False),
        ([STARTED, e.ContractFailed(None)], False),
        ([STARTED, e.ContractFailed(None), e.ContractReopened(None, ContractStatus.ACTIVE)], True),
        ([STARTED, e.ContractCompleted("request"), e.ContractArchived()], False),
        ([STARTED, heard()], False),
        ([heard(), STARTED], False),
        ([STARTED, heard(), silent(1)], True),
        ([STARTED, heard(), said(SupervisorState.COMPLETED, 2)], True),
        ([STARTED, heard(), silent(1), said(SupervisorState.WORKING, 4)], False),
    ],
)
def test_only_a_contract_at_work_without_a_live_supervisor_can_become_stale(
    events: list[Event], *, exposed: bool
) -> None:
    assert Story().tell(CREATED, *events).known.exposed is exposed


@pytest.mark.parametrize("event", ACTIVITY, ids=lambda event: type(event).__name__)
def test_activity_starts_the_clock_anew(event: Event) -> None:
    story = Story().tell(CREATED, STARTED, event)
    assert (story.known.last_activity_at, story.known.counts_from, story.known.counts_position) == (
        story.at[3],
        story.at[3],
        3,
    )


@pytest.mark.parametrize("event", NO_ACTIVITY, ids=lambda event: type(event).__name__)
def test_everything_else_does_not(event: Event) -> None:
    story = Story().tell(CREATED, STARTED, HELLO, event)
    assert (story.known.last_activity_at, story.known.counts_from, story.known.counts_position) == (
        story.at[3],
        story.at[3],
        3,
    )


@pytest.mark.parametrize("event", NO_ACTIVITY, ids=lambda event: type(event).__name__)
def test_where_nothing_was_done_yet_it_counts_from_the_last_update(event: Event) -> None:
    story = Story().tell(CREATED, STARTED, event)
    assert (story.known.last_activity_at, story.known.counts_from, story.known.counts_position) == (
        story.at[3],
        story.at[3],
        3,
    )


def test_a_pause_is_held_against_nobody() -> None:
    """Resumed after a long pause, the clock starts at the return; the last activity stays what it was."""
    paused = (e.ContractPaused(None, ContractStatus.ACTIVE), e.ContractResumed(ContractStatus.ACTIVE))
    story = Story().tell(CREATED, STARTED, HELLO, *paused)
    assert (story.known.counts_from, story.known.counts_position) == (story.at[5], 5)
    assert story.known.last_activity_at == story.at[3]


def test_after_a_verdict_the_clock_starts_at_the_last_heartbeat() -> None:
    story = Story().tell(CREATED, STARTED, heard(), silent(last_heard_minute=50))
    assert story.known.counts_from == START + timedelta(minutes=50)
    assert story.known.counts_position == 4


def test_an_older_heartbeat_does_not_turn_the_clock_back() -> None:
    story = Story().tell(
        CREATED, STARTED, e.MessageSent("m1", "user", "hello"), heard(), silent(last_heard_minute=1)
    )
    assert story.known.counts_from == story.at[3]


def test_an_episode_ends_with_activity_or_when_nobody_watches() -> None:
    found = Story().tell(CREATED, STARTED, HELLO, FOUND)
    assert found.known.episode == 4
    assert not found.known.over
    for end in (*ACTIVITY, heard(), e.ContractPaused(None, ContractStatus.ACTIVE)):
        assert Story().tell(CREATED, STARTED, HELLO, FOUND, end).known.over
    for event in NO_ACTIVITY:
        assert not Story().tell(CREATED, STARTED, HELLO, FOUND, event).known.over


def test_a_cleared_episode_is_over_for_good() -> None:
    story = Story().tell(CREATED, STARTED, FOUND, e.MessageSent("m1", "user", "hello"), StaleCleared("c1"))
    assert story.known.episode is None
    assert not story.known.over


def test_a_deleted_contract_is_forgotten_and_an_unknown_one_never_known() -> None:
    assert Story().tell(CREATED, e.ContractArchived(), e.ContractDeleted()).progress is None
    assert Story().tell(heard()).progress is None


@pytest.mark.parametrize(
    ("stream", "event"),
    [
        ("contract-c1", STARTED),
        ("supervisor-t1", heard()),
        ("supervisor-t1", said(SupervisorState.IDLE, 1)),
        ("silence-c1", FOUND),
        ("silence-c1", StaleCleared("c1")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_staleness_of_a_contract_may_be_another_one_after_what_is_told_of_it(
    stream: str, event: Event
) -> None:
    assert moved([told(stream, event)]) == {"c1"}


def test_what_tells_of_no_contract_or_cannot_be_read_moves_none() -> None:
    unreadable = msgspec.structs.replace(told("contract-c2", STARTED), data=b"{not json")
    unknown = msgspec.structs.replace(told("contract-c3", STARTED), type="ContractPolished")
    of_nobody = [
        told("daemon-d1", DaemonConnected("h")),
        told("silence-owner:ada", MassSilenceSuspected(20, 10)),
    ]
    assert moved([unreadable, *of_nobody, unknown]) == frozenset()
    assert moved([unreadable, told("contract-c4", HELLO), unknown, told("contract-c1", STARTED)]) == {
        "c1",
        "c4",
    }
