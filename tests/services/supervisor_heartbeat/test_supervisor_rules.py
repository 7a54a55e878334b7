"""What a heartbeat and a verdict change in a supervisor."""

from datetime import timedelta

import pytest
from makima_kernel.testing import scenario
from makima_schemas.errors import ErrorCode
from makima_schemas.evidence import Arrival
from makima_schemas.supervisor import (
    ObserveHeartbeat,
    SupervisorProgressed,
    SupervisorRestartRequested,
    SupervisorState,
    SupervisorStateChanged,
    SupervisorStuck,
)
from makima_supervisor_heartbeat.domain.stuck import ObserveProgress, ObserveStuck
from makima_supervisor_heartbeat.domain.supervisor import OrderRestart, SupervisorDecider
from makima_supervisor_heartbeat.domain.verdict import JudgeSilence

from tests.services.supervisor_heartbeat.supervisor_events import (
    IDLE,
    INTERRUPTED,
    NOON,
    WORKING,
    at,
    changed,
    evidence,
    heartbeat,
    registered,
    silenced,
)

given = scenario(SupervisorDecider())


def test_the_first_heartbeat_registers() -> None:
    given().when(heartbeat(1)).then(registered(1))


def test_a_steady_heartbeat_changes_nothing() -> None:
    given(registered()).when(heartbeat(2)).then_nothing()


def test_any_state_may_follow_any() -> None:
    given(registered()).when(heartbeat(2, IDLE)).then(changed(2, WORKING, IDLE))


def test_a_new_incarnation_is_told_although_its_state_is_the_same() -> None:
    given(registered()).when(heartbeat(2, connection="b")).then(changed(2, WORKING, WORKING, "b"))


def test_an_older_incarnation_changes_nothing() -> None:
    given(registered(), changed(2, WORKING, IDLE, "b")).when(heartbeat(3, connection="a")).then_nothing()


def test_an_incarnation_that_was_replaced_twice_over_stays_fenced() -> None:
    given(registered(), changed(2, WORKING, IDLE, "b"), changed(3, IDLE, IDLE, "c")).when(
        heartbeat(4, connection="a")
    ).then_nothing()


def test_a_sender_without_connection_is_not_fenced_and_fences_nobody() -> None:
    story = given(registered(), changed(2, WORKING, IDLE, "b"))
    after = story.when(heartbeat(3, connection=None)).then(changed(3, IDLE, WORKING, "b")).after
    assert after.connection_id == "b"


def test_a_move_to_another_daemon_is_told() -> None:
    given(registered()).when(heartbeat(2, daemon="d2")).then(changed(2, WORKING, WORKING, daemon="d2"))


def test_a_task_of_another_contract_changes_nothing() -> None:
    given(registered()).when(heartbeat(2, IDLE, contract="c2")).then_nothing()


def test_a_heartbeat_that_was_outrun_by_a_later_one_changes_nothing() -> None:
    given(registered(), changed(9, WORKING, IDLE)).when(heartbeat(5)).then_nothing()


def test_sequences_of_another_stream_are_not_compared() -> None:
    given(registered(9)).when(heartbeat(2, IDLE, epoch="e2")).then(
        SupervisorStateChanged("c1", "d1", "a", WORKING, IDLE, "plan", "heartbeat", heard=at(2, "e2"))
    )


def test_silence_interrupts() -> None:
    given(registered(5)).when(JudgeSilence("a", evidence(5), at(5))).then(silenced(5))


def test_a_supervisor_that_nobody_knows_is_not_silent() -> None:
    given().when(JudgeSilence("a", evidence(5), None)).then_nothing()


def test_another_incarnation_is_not_judged() -> None:
    given(registered(5)).when(JudgeSilence("b", evidence(5), at(5))).then_nothing()


def test_nobody_is_interrupted_twice() -> None:
    given(registered(5), silenced(5)).when(JudgeSilence("a", evidence(5), at(5))).then_nothing()


@pytest.mark.parametrize("end", [SupervisorState.COMPLETED, SupervisorState.FAILED])
def test_a_verdict_does_not_overwrite_how_it_ended(end: SupervisorState) -> None:
    given(registered(), changed(5, WORKING, end)).when(JudgeSilence("a", evidence(5), at(5))).then_nothing()


def test_a_newer_recorded_heartbeat_refuses_the_verdict() -> None:
    given(registered()).when(JudgeSilence("a", evidence(5), at(6))).then_nothing()


def test_a_newer_heartbeat_in_the_log_refuses_the_verdict_too() -> None:
    given(registered(), changed(6, WORKING, IDLE)).when(JudgeSilence("a", evidence(5), at(5))).then_nothing()


def test_a_broker_clock_that_was_set_back_saves_nobody() -> None:
    """The heartbeat that changed it carries a later time than the last one: only sequences tell which came
    first.
    """
    late = Arrival("e1", 4, NOON + timedelta(hours=1))
    event = SupervisorStateChanged("c1", "d1", "a", WORKING, IDLE, "plan", "heartbeat", heard=late)
    given(registered(), event).when(JudgeSilence("a", evidence(5), at(5))).then(silenced(5, IDLE))


def test_a_sender_whose_last_heartbeat_the_stream_forgot_can_be_judged() -> None:
    given(registered(5)).when(JudgeSilence("a", evidence(0, watermark=100), at(5))).then(
        SupervisorStateChanged(
            "c1", "d1", "a", WORKING, INTERRUPTED, "plan", "heartbeat_expired", evidence(0, watermark=100)
        )
    )


def test_a_heartbeat_that_the_judge_should_have_heard_refuses_the_verdict() -> None:
    given(registered(5)).when(JudgeSilence("a", evidence(0, watermark=100), at(60))).then_nothing()


def test_the_next_heartbeat_heals() -> None:
    given(registered(5), silenced(5)).when(heartbeat(6)).then(changed(6, INTERRUPTED, WORKING))


def test_a_new_incarnation_heals() -> None:
    given(registered(5), silenced(5)).when(heartbeat(6, connection="b")).then(
        changed(6, INTERRUPTED, WORKING, "b")
    )


def test_the_heartbeat_that_the_verdict_knew_of_heals_nothing() -> None:
    given(registered(5), silenced(6)).when(heartbeat(6)).then_nothing()


def test_a_sequence_that_a_broker_gave_out_twice_heals_under_its_new_epoch() -> None:
    again = ObserveHeartbeat(
        "c1", "d1", "a", WORKING, "plan", Arrival("e1~1", 4, NOON + timedelta(seconds=101))
    )
    given(registered(5), silenced(5)).when(again).then(
        SupervisorStateChanged("c1", "d1", "a", INTERRUPTED, WORKING, "plan", "heartbeat", heard=again.heard)
    )


def test_a_restart_is_ordered_of_the_daemon_that_runs_the_supervisor_now() -> None:
    moved = changed(2, WORKING, WORKING, "b", "d2")
    ordered = SupervisorRestartRequested("c1", "d2", "b", "hangs")
    given(registered(), moved).when(OrderRestart("hangs", daemon_connected=True)).then(ordered)
    given(registered(), silenced(1)).when(OrderRestart(None, daemon_connected=True)).then(
        SupervisorRestartRequested("c1", "d1", "a")
    )


def test_a_restart_is_not_ordered_from_a_disconnected_daemon_nor_of_an_unknown_supervisor() -> None:
    given(registered()).when(OrderRestart(None, daemon_connected=False)).then_refused(ErrorCode.UNAVAILABLE)
    given().when(OrderRestart(None, daemon_connected=True)).then_refused(ErrorCode.SUPERVISOR_NOT_FOUND)


def test_a_heartbeat_after_an_ordered_restart_proves_it_once_under_whichever_connection() -> None:
    ordered = SupervisorRestartRequested("c1", "d1", "a", last_heard=at(3))
    back = changed(4, WORKING, WORKING)
    given(registered(), ordered).when(heartbeat(3)).then_nothing()
    given(registered(), ordered).when(heartbeat(4)).then(back)
    given(registered(), ordered, back).when(heartbeat(5)).then_nothing()
    given(registered(), ordered).when(heartbeat(4, connection="b")).then(changed(4, WORKING, WORKING, "b"))
    given(registered(), ordered).when(heartbeat(1, epoch="e2")).then(
        SupervisorStateChanged(
            "c1", "d1", "a", WORKING, WORKING, "plan", "heartbeat", heard=Arrival("e2", 1, at(1).at)
        )
    )
    of_before = SupervisorRestartRequested("c1", "d1", "a")
    given(registered(2), of_before).when(heartbeat(2)).then_nothing()
    given(registered(2), of_before).when(heartbeat(3)).then(changed(3, WORKING, WORKING))


@pytest.mark.parametrize("sequence", [5, 4])
def test_no_heartbeat_that_the_verdict_knew_raises_the_dead_after_the_clock_was_set_back(
    sequence: int,
) -> None:
    before = Arrival("e1", sequence, NOON + timedelta(hours=1))
    again = ObserveHeartbeat("c1", "d1", "a", WORKING, "plan", before)
    given(registered(5), silenced(5)).when(again).then_nothing()


def _stands_still(connection: str | None = "a") -> ObserveStuck:
    return ObserveStuck(connection, NOON, "testing", at(9))


def _gets_on(seconds: int, connection: str | None = "a") -> ObserveProgress:
    return ObserveProgress(connection, NOON + timedelta(seconds=seconds), at(9))


STUCK = SupervisorStuck("c1", "a", NOON, "testing")
GOT_ON = SupervisorProgressed("c1", "a", NOON + timedelta(seconds=5))


@pytest.mark.parametrize("connection", ["a", None])
def test_who_is_at_work_and_stands_still_is_stuck_once(connection: str | None) -> None:
    given(registered()).when(_stands_still(connection)).then(STUCK)
    given(registered(), STUCK).when(_stands_still(connection)).then_nothing()
    given(registered(), STUCK, GOT_ON).when(_stands_still()).then(STUCK)


def test_who_is_not_at_work_and_who_was_replaced_is_not_stuck() -> None:
    given(registered(), changed(2, WORKING, IDLE)).when(_stands_still()).then_nothing()
    given(registered()).when(_stands_still("b")).then_nothing()


@pytest.mark.parametrize("connection", ["a", None])
def test_progress_after_it_ends_it(connection: str | None) -> None:
    given(registered(), STUCK).when(_gets_on(5, connection)).then(GOT_ON)


def test_older_progress_and_that_of_another_one_ends_nothing() -> None:
    given(registered(), STUCK).when(_gets_on(0)).then_nothing()
    given(registered(), STUCK).when(_gets_on(5, "b")).then_nothing()
    given(registered()).when(_gets_on(5)).then_nothing()
