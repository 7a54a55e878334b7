"""How well the detector sees: its clocks against the local one, over a window."""

import pytest
from makima_stale_detector.domain.shards.clock_rate import ClockRate
from makima_stale_detector.domain.shards.observed_clock import SECOND


def sampled(*samples: tuple[float, float], window: float = 60) -> ClockRate:
    rate = ClockRate(int(window * SECOND))
    for local, observed in samples:
        rate.sample(int(local * SECOND), int(observed * SECOND))
    return rate


@pytest.mark.parametrize(
    ("samples", "value"),
    [
        ([], None),
        ([(100, 7)], None),
        ([(100, 7), (104.9, 11.9)], None),
        ([(100, 7), (105, 12)], 1.0),
        ([(100, 7), (110, 12)], 0.5),
        ([(100, 7), (103, 8), (110, 7)], 0.0),
        ([(100, 7), (110, 4)], 0.0),  # set back by a grace: worse than standing still it is not
    ],
)
def test_it_is_the_share_of_the_local_time_that_was_observed(
    samples: list[tuple[float, float]], value: float | None
) -> None:
    assert sampled(*samples).value == value


def test_it_looks_back_over_the_window_and_no_further() -> None:
    standing = [(second, 0.0) for second in range(100)]
    flowing = [(100 + second, float(second)) for second in range(1, 61)]
    assert sampled(*standing, *flowing).value == pytest.approx(
        60 / 61
    )  # the oldest that is kept is just outside of it
    assert sampled(*standing, *flowing, (161, 61.0)).value == 1.0


@pytest.mark.parametrize(("observed", "blind"), [(4.9, True), (5.0, False), (10.0, False), (0.0, True)])
def test_it_is_blind_when_it_sees_less_than_half(observed: float, *, blind: bool) -> None:
    assert sampled((0, 0), (10, observed)).blind is blind


def test_who_has_not_looked_long_enough_is_not_called_blind() -> None:
    assert not sampled((0, 0), (4, 0)).blind


def test_it_looks_back_over_a_minute_unless_told_otherwise() -> None:
    rate = ClockRate()
    for second in range(121):
        rate.sample(second * SECOND, max(0, second - 60) * SECOND)
    assert rate.value == 1.0
    rate.sample(180 * SECOND, 60 * SECOND)
    assert rate.value == 0.0
