"""The truth that verdicts are compared with counts time as the detector may."""

from datetime import UTC, datetime, timedelta

from tests.guarantees.heartbeat_oracle import StoredHeartbeats


def at(milliseconds: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def flowed(times: list[int], since: int, until: int) -> float:
    """Milliseconds."""
    return StoredHeartbeats({"0": [at(time) for time in times]}, {}, {}).flowed(
        "0", at(since), at(until)
    ) / timedelta(milliseconds=1)


def test_time_flows_up_to_the_end_if_something_came_after_it() -> None:
    """A watermark is the slowest shard's: this one had been read further."""
    assert flowed([0, 50, 100, 150], 0, 120) == 120


def test_nothing_is_known_of_the_time_after_the_last_message() -> None:
    assert flowed([0, 50, 100], 0, 120) == 100


def test_a_long_pause_counts_no_more_than_a_step() -> None:
    assert flowed([0, 50, 5000, 5050], 0, 6000) == 50 + 250 + 50


def test_it_begins_at_the_last_heartbeat() -> None:
    assert flowed([0, 50, 100], 50, 100) == 50


def test_a_pause_of_a_sender_is_one_of_its_shard_too() -> None:
    """While nothing came on the shard, nobody is known to have paused."""
    times = {"t1": [at(time) for time in (0, 300, 5000, 5300)]}
    shard = [at(time) for time in (0, 100, 200, 300, 5000, 5200, 5300)]
    assert StoredHeartbeats({"0": shard}, times, {"t1": "0"}).longest_pause(["t1"]) == timedelta(
        milliseconds=300
    )
