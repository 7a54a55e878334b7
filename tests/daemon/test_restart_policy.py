"""How often a crashed agent is restarted, and when the count begins anew."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makima_daemon.restart_policy import DELAYS_SECONDS, HEALTHY_SECONDS, Exhausted, Restart, RestartPolicy

SOON = 1.0  # seconds that a process ran: far from healthy
RESTART_TIMEOUT_SECONDS = 60.0  # agents.md: restarting → dead


@pytest.mark.parametrize(
    ("attempts", "ran", "then"),
    [
        (0, SOON, Restart(1, DELAYS_SECONDS[0], 3)),
        (1, SOON, Restart(2, DELAYS_SECONDS[1], 3)),
        (2, SOON, Restart(3, DELAYS_SECONDS[2], 3)),
        (3, SOON, Exhausted(3)),
        (3, HEALTHY_SECONDS, Restart(1, DELAYS_SECONDS[0], 3)),
        (2, HEALTHY_SECONDS, Restart(1, DELAYS_SECONDS[0], 3)),
        (3, HEALTHY_SECONDS - 0.1, Exhausted(3)),
    ],
)
def test_three_restarts_in_a_row_and_ten_healthy_minutes_begin_anew(
    attempts: int, ran: float, then: Restart | Exhausted
) -> None:
    assert RestartPolicy().after_crash(attempts, ran) == then


def test_delays_grow_and_all_fit_into_the_time_in_which_a_restart_is_expected() -> None:
    assert len(DELAYS_SECONDS) == 3
    assert list(DELAYS_SECONDS) == sorted(set(DELAYS_SECONDS))
    assert sum(DELAYS_SECONDS) < RESTART_TIMEOUT_SECONDS / 2


@given(st.lists(st.floats(0, HEALTHY_SECONDS - 1)))
def test_an_agent_that_is_never_healthy_is_given_up_after_three_restarts(ran: list[float]) -> None:
    attempts, restarts = 0, 0
    for seconds in [*ran, SOON, SOON, SOON, SOON]:
        match RestartPolicy().after_crash(attempts, seconds):
            case Restart(attempt):
                assert attempt == attempts + 1
                attempts, restarts = attempt, restarts + 1
            case Exhausted():
                break
    assert restarts == len(DELAYS_SECONDS)


@given(st.integers(0, 3), st.floats(HEALTHY_SECONDS, 1e9))
def test_a_healthy_agent_is_always_restarted(attempts: int, ran: float) -> None:
    assert RestartPolicy().after_crash(attempts, ran) == Restart(1, DELAYS_SECONDS[0], 3)
