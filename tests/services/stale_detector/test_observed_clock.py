"""The observed clock counts only what was seen to flow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makima_stale_detector.domain.shards.observed_clock import (
    CANARIES_FAST,
    CANARIES_SLOW,
    MILLISECOND,
    SECOND,
    ObservedClock,
    Pace,
    Timeouts,
)

START = 1_700_000_000 * SECOND
GRACE = 3 * SECOND
steps = st.lists(st.integers(-10 * SECOND, 10 * SECOND) | st.integers(0, 300 * MILLISECOND), max_size=200)
forward = st.lists(st.integers(0, 10 * SECOND) | st.integers(0, 300 * MILLISECOND), max_size=200)


def run(clock: ObservedClock, *steps: int) -> ObservedClock:
    stamp = START
    clock.advance(stamp)
    for step in steps:
        stamp += step
        clock.advance(stamp)
    return clock


def test_the_first_message_starts_it_at_zero() -> None:
    assert run(ObservedClock(GRACE)).observed == 0


def test_a_steady_stream_is_counted_in_full() -> None:
    assert run(ObservedClock(GRACE), *[50 * MILLISECOND] * 200).observed == 10 * SECOND


def test_between_two_messages_a_quarter_of_a_second_counts_at_most() -> None:
    assert run(ObservedClock(GRACE), 900 * MILLISECOND).observed == 250 * MILLISECOND


def test_a_gap_sets_it_back_by_the_grace() -> None:
    flowing = [50 * MILLISECOND] * 200
    assert (
        run(ObservedClock(GRACE), *flowing, 30 * SECOND).observed == 10 * SECOND + 250 * MILLISECOND - GRACE
    )


def test_graces_do_not_add_up() -> None:
    """Canaries 1.1 s apart: the clock stands one grace behind its peak, it does not run backwards for ever."""
    flowing = [50 * MILLISECOND] * 200
    assert (
        run(ObservedClock(GRACE), *flowing, *[1100 * MILLISECOND] * 50).observed
        == 10 * SECOND + 250 * MILLISECOND - GRACE
    )


def test_a_gap_after_a_longer_way_back_does_not_bring_the_clock_forward() -> None:
    clock = run(ObservedClock(GRACE), *[50 * MILLISECOND] * 200)
    clock.set_back(8 * SECOND)
    assert clock.observed == 2 * SECOND
    clock.set_back(GRACE)
    clock.set_back(8 * SECOND)
    assert clock.observed == 2 * SECOND


def test_it_is_set_back_to_its_start_at_most() -> None:
    clock = run(ObservedClock(GRACE), 50 * MILLISECOND)
    clock.set_back(8 * SECOND)
    assert clock.observed == 0


HOUR = 3600 * SECOND


@pytest.mark.parametrize(
    ("sender", "quiet", "seconds"),
    [
        ("supervisor:t1", 0, 120),
        ("daemon:d1", 0, 120),
        ("agent:c1:builder", 0, 90),
        ("agent:c1:builder", 90 * SECOND, 90),
        ("agent:c1:builder", 91 * SECOND, 91),
        ("agent:c1:builder", 4 * HOUR, 4 * 3600),
        ("agent:c1:builder", 4 * HOUR + 1, 4 * 3600),
        ("supervisor:t1", 91 * SECOND, 120),
    ],
)
def test_a_sender_has_the_timeout_of_its_kind_or_what_it_announced(
    sender: str, quiet: int, seconds: int
) -> None:
    limits = Timeouts(timeout=120 * SECOND, interval=30 * SECOND, grace=15 * SECOND)
    assert limits.of(sender, quiet) == seconds * SECOND


def test_a_small_step_back_of_the_broker_counts_nothing_until_it_is_made_good() -> None:
    assert (
        run(ObservedClock(GRACE), SECOND // 4, -SECOND // 4, SECOND // 4, SECOND // 4).observed == SECOND // 2
    )


def test_a_broker_clock_set_back_by_an_hour_does_not_stop_it_for_an_hour() -> None:
    clock = run(ObservedClock(0), -3600 * SECOND, *[50 * MILLISECOND] * 20)
    assert clock.observed == SECOND


def test_in_the_slow_mode_a_canary_a_second_keeps_it_running() -> None:
    assert (
        run(ObservedClock(GRACE, CANARIES_SLOW), *[1050 * MILLISECOND] * 10).observed
        == 10 * 1050 * MILLISECOND
    )


@pytest.mark.parametrize(
    ("pace", "passed", "counted"),
    [
        (CANARIES_FAST, 1, 1),
        (CANARIES_FAST, 250 * MILLISECOND, 250 * MILLISECOND),
        (CANARIES_FAST, 250 * MILLISECOND + 1, 250 * MILLISECOND),
        (CANARIES_FAST, SECOND, 250 * MILLISECOND),
        (CANARIES_FAST, SECOND + 1, 250 * MILLISECOND - GRACE),
        (CANARIES_SLOW, 1250 * MILLISECOND, 1250 * MILLISECOND),
        (CANARIES_SLOW, 1250 * MILLISECOND + 1, 1250 * MILLISECOND),
        (CANARIES_SLOW, 2500 * MILLISECOND, 1250 * MILLISECOND),
        (CANARIES_SLOW, 2500 * MILLISECOND + 1, 1250 * MILLISECOND - GRACE),
        (CANARIES_FAST, -SECOND, 0),
        (CANARIES_FAST, -SECOND - 1, -GRACE),
    ],
)
def test_what_counts_is_exact_to_the_nanosecond(pace: Pace, passed: int, counted: int) -> None:
    flowing = [50 * MILLISECOND] * 200
    assert run(ObservedClock(GRACE, pace), *flowing, passed).observed == 10 * SECOND + counted


def test_the_time_until_a_step_back_of_a_whole_gap_is_made_good_counts_nothing() -> None:
    assert run(ObservedClock(GRACE), -SECOND, SECOND, 50 * MILLISECOND).observed == 50 * MILLISECOND


@given(steps)
def test_it_is_never_more_than_one_grace_behind_its_peak(steps: list[int]) -> None:
    clock, stamp, peak = ObservedClock(GRACE), START, 0
    for step in steps:
        stamp += step
        clock.advance(stamp)
        peak = max(peak, clock.observed)
        assert clock.observed >= max(0, peak - GRACE)


@given(forward)
def test_it_never_runs_faster_than_the_broker(forward: list[int]) -> None:
    clock, stamp = ObservedClock(GRACE), START
    clock.advance(stamp)
    for step in forward:
        before = clock.observed
        stamp += step
        clock.advance(stamp)
        assert clock.observed - before <= min(step, CANARIES_FAST.step)


@given(steps)
def test_jumping_back_and_forth_never_makes_it_run_away(steps: list[int]) -> None:
    """However the broker's clock is set, time is counted only where the stream moves forward in small steps."""
    clock, stamp = ObservedClock(GRACE), START
    clock.advance(stamp)
    for step in steps:
        stamp += step
        clock.advance(stamp)
    assert clock.observed <= sum(min(step, CANARIES_FAST.step) for step in steps if step > 0)
