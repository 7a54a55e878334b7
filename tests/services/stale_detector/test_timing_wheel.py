"""Every sender fires exactly once after its last touch, never early, hardly late."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from makima_stale_detector.domain.shards.observed_clock import SECOND
from makima_stale_detector.domain.shards.timing_wheel import BUCKET_NS, Beat, Fired, Wheel

TICK = BUCKET_NS // 2
TIMEOUT = 20 * BUCKET_NS
GRACE = 5 * BUCKET_NS
times = st.integers(0, 100 * BUCKET_NS)


def beat(deadline: int) -> Beat:
    return (deadline, 0, 0, None)


def fire_all(wheel: Wheel, until: int) -> dict[str, int]:
    """Who fired, and when, with a tick each half bucket; twice is a failure."""
    fired: dict[str, int] = {}
    for now in range(0, until + TICK, TICK):
        for sender, _ in wheel.fire(now):
            assert sender not in fired
            fired[sender] = now
    return fired


@given(st.dictionaries(st.text(max_size=3), times))
def test_everyone_fires_once_never_early_and_at_most_a_bucket_and_a_tick_late(
    deadlines: dict[str, int],
) -> None:
    wheel = Wheel()
    for sender, deadline in deadlines.items():
        wheel.touch(sender, beat(deadline))
    fired = fire_all(wheel, 102 * BUCKET_NS)
    assert fired.keys() == deadlines.keys()
    assert all(
        deadline <= fired[sender] <= deadline + BUCKET_NS + TICK for sender, deadline in deadlines.items()
    )


def test_a_touch_moves_the_deadline() -> None:
    wheel = Wheel()
    wheel.touch("a", beat(TIMEOUT))
    assert wheel.fire(TIMEOUT - 1) == []
    wheel.touch("a", beat(2 * TIMEOUT))
    assert wheel.fire(2 * TIMEOUT - 1) == []
    assert wheel.fire(2 * TIMEOUT + BUCKET_NS) == [Fired("a", beat(2 * TIMEOUT))]
    assert len(wheel) == 0


def test_after_the_clock_was_set_back_nobody_is_put_into_the_past() -> None:
    wheel = Wheel()
    wheel.fire(10 * BUCKET_NS)
    wheel.touch("a", beat(3 * BUCKET_NS))
    assert wheel.fire(11 * BUCKET_NS) == [Fired("a", beat(3 * BUCKET_NS))]


@pytest.mark.parametrize(
    ("now", "deadline"), [(0, 0), (0, 1), (0, TIMEOUT), (TIMEOUT, 3 * TIMEOUT), (TIMEOUT, BUCKET_NS)]
)
def test_those_restored_at_once_fire_at_their_deadline_too(now: int, deadline: int) -> None:
    wheel = Wheel()
    wheel.fire(now)
    wheel.restore([str(number) for number in range(1000)], beat(deadline))
    late = max(now, deadline)
    fired = fire_all(wheel, late + 2 * BUCKET_NS)
    assert len(fired) == 1000
    assert min(fired.values()) >= deadline
    assert max(fired.values()) <= late + BUCKET_NS + TICK


def test_those_restored_at_once_are_not_looked_at_at_once() -> None:
    wheel = Wheel()
    wheel.restore([str(number) for number in range(1000)], beat(TIMEOUT))
    assert max(len(bucket) for bucket in wheel._buckets.values()) <= 1000 // 20 + 1  # pyright: ignore[reportPrivateUsage] - nobody else needs to look inside


class AnyHistory(RuleBasedStateMachine):
    """Touches, ticks and set-backs in any order, beside a plain dict of deadlines."""

    @initialize()
    def start(self) -> None:
        self.wheel, self.now, self.peak = Wheel(), 0, 0
        self.due: dict[str, int] = {}

    @rule(sender=st.sampled_from("abcdef"))
    def touch(self, sender: str) -> None:
        self.due[sender] = self.now + TIMEOUT
        self.wheel.touch(sender, beat(self.due[sender]))

    @rule(passed=st.integers(0, 3 * BUCKET_NS))
    def tick(self, passed: int) -> None:
        self.now += passed
        self.peak = max(self.peak, self.now)
        for sender, fired in self.wheel.fire(self.now):
            assert self.due.pop(sender) == fired[0] <= self.now
        assert all(due + BUCKET_NS + GRACE > self.now for due in self.due.values())

    @rule()
    def set_back(self) -> None:
        self.now = max(self.now - GRACE, self.peak - GRACE, 0)

    @invariant()
    def nobody_is_lost(self) -> None:
        assert self.wheel.beats.keys() == self.due.keys()


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=100, stateful_step_count=60)


def test_a_deadline_that_is_moved_forward_to_the_horizon_is_kept() -> None:
    wheel = Wheel(horizon=4 * SECOND)
    wheel.touch("quiet", (100 * SECOND, 1, 0, None))
    assert wheel.fire(10 * SECOND) == []
    wheel.touch("quiet", (14 * SECOND, 2, 0, None))
    assert wheel.fire(14 * SECOND - 1) == []
    [fired] = wheel.fire(14 * SECOND + BUCKET_NS)
    assert fired == ("quiet", (14 * SECOND, 2, 0, None))
    wheel.touch("quiet", (100 * SECOND, 3, 0, None))
    assert [fired.sender for fired in wheel.fire(101 * SECOND)] == ["quiet"]
