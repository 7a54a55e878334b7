"""How long a process may act for its agent: a table over what was acknowledged."""

import pytest
from makima_sdk.agents import SenderAnswer
from makima_sdk.lease import MAX_QUIET_SECONDS, Lease


def answered(interval: float = 3.0, timeout: float = 9.0) -> SenderAnswer:
    return SenderAnswer("ok", interval, timeout)


def test_before_any_answer_the_times_of_a_system_that_nobody_configured_hold() -> None:
    lease = Lease()
    assert (lease.interval_seconds, lease.timeout_seconds, lease.expires_at) == (30.0, 90.0, 90.0)


@pytest.mark.parametrize(
    ("quiet", "until"),
    [(0.0, 109.0), (8.5, 109.0), (20.0, 120.0), (-5.0, 109.0), (1e9, 100.0 + MAX_QUIET_SECONDS)],
)
def test_it_runs_for_the_longer_of_the_timeout_and_the_quiet_time(quiet: float, until: float) -> None:
    lease = Lease()
    lease.acknowledge(100.0, answered(), quiet)
    assert lease.expires_at == until
    assert (lease.interval_seconds, lease.timeout_seconds) == (3.0, 9.0)
    assert lease.quiet_seconds == min(max(quiet, 0.0), 4 * 3600.0)


def test_an_answer_to_an_older_request_changes_nothing() -> None:
    lease = Lease()
    lease.acknowledge(100.0, answered(), 50.0)
    lease.acknowledge(99.0, answered(1.0, 2.0), 0.0)
    assert (lease.expires_at, lease.interval_seconds, lease.quiet_seconds) == (150.0, 3.0, 50.0)


def test_the_next_request_without_a_quiet_time_ends_it_also_at_the_same_moment() -> None:
    lease = Lease()
    lease.acknowledge(100.0, answered(), 50.0)
    lease.acknowledge(100.0, answered())
    assert (lease.expires_at, lease.quiet_seconds) == (109.0, 0.0)
