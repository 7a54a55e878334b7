"""The detector's rules one by one, on two shards that the test lets flow: who is tracked for whom, what is
asked, what a hold holds.
"""

from dataclasses import replace

from makima_schemas import subjects
from makima_stale_detector.domain.members.sender import Tracked
from makima_stale_detector.domain.shards.observed_clock import (
    CANARIES_FAST,
    CANARIES_SLOW,
    MILLISECOND,
    SECOND,
)
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.domain.verdicts.findings import Findings

from tests.services.stale_detector.flowing_detector import SHARDS, START, TIMEOUTS, Watch, home, named, sender


def test_nothing_is_found_before_every_shard_has_seen_its_stream_flow() -> None:
    watch = Watch()
    watch.track(1)
    first, _second = watch.detector.shards
    for number in range(200):
        first.consumed(number + 1, START + number * 50 * MILLISECOND)
        assert watch.detector.tick() == Findings()
    assert not watch.detector.warmed_up
    watch.flow(100 * MILLISECOND)
    assert watch.detector.warmed_up


def test_who_is_tracked_for_another_owner_counts_for_that_one_alone() -> None:
    watch = Watch()
    watch.track(*range(20), owner="a")
    watch.track(19, owner="b")
    found = watch.flow(6 * SECOND)
    [suspicion] = found.hold_requests
    assert (suspicion.owner, suspicion.version, suspicion.tracked) == ("a", 0, 19)
    assert [(verdict.sender.name, verdict.owner) for verdict in found.verdicts] == [("supervisor:t19", "b")]


def test_who_is_tracked_again_for_the_same_owner_keeps_its_deadline() -> None:
    watch = Watch()
    watch.track(1)
    watch.flow(3 * SECOND)
    watch.track(1)
    assert named(watch.flow(1500 * MILLISECOND).verdicts) == ["supervisor:t1"]


def test_who_is_not_tracked_any_more_counts_for_nobody() -> None:
    watch = Watch()
    watch.track(*range(20))
    watch.detector.untrack("supervisor:t0")
    [suspicion] = watch.flow(6 * SECOND).hold_requests
    assert suspicion.tracked == 19


def test_a_verdict_about_somebody_who_is_not_tracked_any_more_is_not_asked() -> None:
    watch = Watch()
    verdict = watch.asked()
    watch.detector.untrack("supervisor:t1")
    assert not watch.detector.is_pending(verdict)


def test_who_speaks_while_its_verdict_is_on_its_way_lives() -> None:
    watch = Watch()
    verdict = watch.asked()
    watch.hear(1)
    assert not watch.detector.is_pending(verdict)
    watch.detector.resolve(verdict)
    assert watch.beating([1], 8 * SECOND).verdicts == []


def test_each_answer_that_changes_nothing_counts_the_attempts_up_until_it_is_tracked_anew() -> None:
    watch = Watch()
    verdict = watch.asked()
    for attempt in (1, 2, 3):
        watch.detector.resolve(verdict)
        [verdict] = watch.flow(5 * SECOND).verdicts
        assert verdict.attempt == attempt
    watch.detector.untrack("supervisor:t1")
    assert watch.asked().attempt == 0


def test_news_of_somebody_whose_verdict_is_on_its_way_gives_it_no_new_deadline() -> None:
    watch = Watch()
    verdict = watch.asked()
    watch.track(1)
    assert watch.flow(10 * SECOND).verdicts == []
    assert watch.detector.is_pending(verdict)


def test_canaries_may_come_slowly_while_nobody_is_tracked() -> None:
    watch = Watch()
    watch.detector.load([])
    assert watch.paces == {CANARIES_SLOW}
    watch.track(1, 2)
    assert watch.paces == {CANARIES_FAST}
    watch.detector.untrack("supervisor:t1")
    assert watch.paces == {CANARIES_FAST}
    watch.detector.untrack("supervisor:t2")
    assert watch.paces == {CANARIES_SLOW}


def test_the_shards_are_as_many_as_the_stream_has_unless_told_otherwise() -> None:
    assert len(Detector(TIMEOUTS, "r1").shards) == subjects.SHARDS


def test_whoever_was_loaded_before_the_stream_was_read_waits_from_then_on() -> None:
    watch = Watch()
    watch.detector.load([Tracked(sender(number), "") for number in (1, 2)])
    watch.hear(1)
    assert named(watch.flow(3900 * MILLISECOND).verdicts) == []
    assert named(watch.flow(600 * MILLISECOND).verdicts) == ["supervisor:t1", "supervisor:t2"]


def test_nobody_has_a_deadline_before_the_stream_was_read() -> None:
    assert not Detector(TIMEOUTS, "r1", SHARDS).warmed_up


def test_how_many_expire_is_looked_at_anew_when_the_stream_begins_anew() -> None:
    watch = Watch()
    watch.track(*range(20), 99)
    assert named(watch.beating(range(20), 20 * SECOND).verdicts) == ["supervisor:t99"]
    watch.detector.untrack("supervisor:t99")
    watch.begin("e2")
    watch.flow(50 * MILLISECOND)
    for number in range(20):
        watch.hear(number)
        watch.flow(50 * MILLISECOND)
    found = watch.flow(6 * SECOND)
    assert found.verdicts == []
    assert [(suspicion.tracked, suspicion.expiring) for suspicion in found.hold_requests] == [(20, 20)]


def test_who_has_moved_to_a_shard_that_is_read_later_is_heard_there_before_it_is_judged() -> None:
    watch = Watch()
    watch.track(1)
    late, soon = home(1), 1 - home(1)
    watch.hear(1, on=late)
    watch.hear(1, on=soon)
    assert (
        watch.flow(6 * SECOND, on=[soon]) == Findings()
    )  # a suspect, but the other shard has not been read so far
    assert watch.flow(3 * SECOND, on=[late]) == Findings()
    watch.hear(1, on=late)
    assert watch.flow(3500 * MILLISECOND, on=[late]) == Findings()
    assert named(watch.flow(SECOND).verdicts) == ["supervisor:t1"]


def test_many_whose_deadline_has_passed_are_no_mass_before_every_shard_was_read_so_far() -> None:
    watch = Watch()
    watch.track(*range(40))
    assert watch.flow(6 * SECOND, on=[0]) == Findings()
    [suspicion] = watch.flow(6 * SECOND, on=[1]).hold_requests
    assert suspicion.tracked == 40


def test_a_verdict_is_about_the_connection_that_spoke_last_or_else_about_the_one_in_force() -> None:
    for spoke, about in ((None, "new"), ("other", "other"), ("old", "new")):
        watch = Watch()
        watch.hear(1, connection=spoke)  # before the log says who may speak
        watch.detector.track(replace(sender(1), connection_id="new", superseded=("old",)), "")
        [verdict] = watch.flow(6 * SECOND).verdicts
        assert verdict.connection_id == about


def test_the_death_of_one_machine_is_a_verdict_after_its_timeout_however_many_senders_it_had() -> None:
    watch = Watch()
    laptop, others = range(12), range(12, 16)
    for number in laptop:
        watch.detector.track(replace(sender(number), daemon_id="laptop"), "ada")
    watch.track(*others, owner="ada")
    found = watch.beating(others, 5 * SECOND)
    assert (named(found.verdicts), found.hold_requests) == (sorted(sender(n).name for n in laptop), [])


def test_the_inventions_of_one_daemon_hold_nobody_elses_verdict() -> None:
    watch = Watch()
    for number in range(100, 140):
        watch.detector.track(replace(sender(number), daemon_id="liar"), "")
    watch.track(1)
    found = watch.flow(6 * SECOND)
    assert sender(1).name in named(found.verdicts)
    assert found.hold_requests == []


def test_the_loss_of_half_a_fleet_of_machines_is_held() -> None:
    watch = Watch()
    for number in range(24):
        watch.detector.track(replace(sender(number), daemon_id=f"m{number % 6}"), "ada")
    living = [number for number in range(24) if number % 6 > 2]
    found = watch.beating(living, 5 * SECOND)
    assert found.verdicts == []
    [suspicion] = found.hold_requests
    assert (suspicion.owner, suspicion.tracked, suspicion.expiring) == ("ada", 24, 12)
