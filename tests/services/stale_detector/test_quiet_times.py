"""Who announces to be quiet is given that time, measured by its own clock, and not more than is allowed."""

import msgspec
from makima_schemas.heartbeat import AgentHeartbeat, SupervisorHeartbeat
from makima_stale_detector.domain.members.heartbeat import read
from makima_stale_detector.domain.shards.observed_clock import SECOND

from tests.services.stale_detector.flowing_detector import TIMEOUTS, Watch, named

AGENT = "makima.shards.3.agent.d1.c1.builder"
SUPERVISOR = "makima.shards.3.supervisor.d1.t1"
HOUR = 3600 * SECOND


def test_it_is_spared_until_then_and_judged_afterwards() -> None:
    watch = Watch()
    watch.track(1)
    watch.hear(1, quiet=4 * TIMEOUTS.timeout)
    assert watch.flow(4 * TIMEOUTS.timeout - SECOND // 2).verdicts == []
    assert named(watch.flow(SECOND).verdicts) == ["supervisor:t1"]


def test_a_shorter_time_than_the_timeout_takes_nothing_away() -> None:
    watch = Watch()
    watch.track(1)
    watch.hear(1, quiet=SECOND)
    assert watch.flow(TIMEOUTS.timeout - SECOND // 2).verdicts == []
    assert named(watch.flow(SECOND).verdicts) == ["supervisor:t1"]


def test_the_next_heartbeat_without_it_ends_it() -> None:
    watch = Watch()
    watch.track(1)
    watch.hear(1, quiet=HOUR)
    watch.flow(2 * TIMEOUTS.timeout)
    watch.hear(1)
    assert watch.flow(TIMEOUTS.timeout - SECOND // 2).verdicts == []
    assert named(watch.flow(SECOND).verdicts) == ["supervisor:t1"]


def test_more_than_is_allowed_counts_as_that() -> None:
    watch = Watch()
    watch.track(1)
    shard = watch.detector.shards[0]
    source = ("supervisor:t1", "c1", None, 1000 * HOUR)
    watch.detector.on_heartbeat(shard, source, 1, watch.clocks[0])
    assert shard.wheel.beats["supervisor:t1"][0] == shard.clock.observed + TIMEOUTS.quiet_max


def beat(cls: type, **members: str) -> bytes:
    own = (
        {"contract_id": "c1", "role": "builder", "connection_id": "x", "seq": 1}
        if cls is AgentHeartbeat
        else {"task_id": "t1", "contract_id": "c1", "state": "working", "phase": "plan"}
    )
    return msgspec.json.encode({**own, **members})


def test_it_is_a_duration_of_the_senders_own_clock_for_agents_and_supervisors() -> None:
    for cls, subject in ((AgentHeartbeat, AGENT), (SupervisorHeartbeat, SUPERVISOR)):
        for timestamp, until, quiet in (
            ("2001-01-01T00:00:00Z", "2001-01-01T01:00:00Z", HOUR),  # a clock that is decades behind
            ("2026-01-01T00:00:00+02:00", "2025-12-31T22:00:01.5Z", 1500 * SECOND // 1000),
            ("2026-01-01T00:00:00Z", "2025-12-31T00:00:00Z", 0),
            ("2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 7973 * 365 * 24 * HOUR),
        ):
            heard = read(subject, beat(cls, timestamp=timestamp, quiet_until=until))
            assert heard is not None
            assert heard[3] == quiet or (quiet > 10_000 * HOUR and heard[3] > quiet)


def test_a_clock_that_cannot_be_read_announces_nothing() -> None:
    for cls, subject in ((AgentHeartbeat, AGENT), (SupervisorHeartbeat, SUPERVISOR)):
        unread = read(subject, beat(cls, timestamp="noon", quiet_until="2026-01-01T00:00:00Z"))
        nonsense = read(subject, beat(cls, timestamp="2026-01-01T00:00:00Z", quiet_until="soon"))
        assert [heard and heard[3] for heard in (unread, nonsense)] == [0, 0]
