"""What a hold for mass silence holds, when it ends, and who is a suspect under it."""

from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND
from makima_stale_detector.domain.verdicts.findings import Findings
from makima_stale_detector.domain.verdicts.mass_silence import Hold

from tests.services.stale_detector.flowing_detector import Watch, held_suspect, home, named, sender


def test_a_suspicion_and_a_clearance_are_found_once_until_they_are_decided() -> None:
    watch = Watch()
    watch.track(*range(20))
    [suspicion] = watch.flow(6 * SECOND).hold_requests
    assert (suspicion.tracked, suspicion.expiring) == (20, 20)
    watch.detector.hold_recorded("")
    [again] = watch.flow(SECOND).hold_requests
    assert again == suspicion
    watch.detector.hold("", Hold(1, held=True))
    watch.detector.hold_recorded("")
    [clearance] = watch.flow(10 * SECOND).hold_releases
    assert (clearance.owner, clearance.version, clearance.reason) == ("", 1, "hold_expired")
    watch.detector.hold_recorded("")
    assert watch.flow(SECOND).hold_releases == [clearance]
    watch.detector.hold("", Hold(2, held=False, expired=True))
    watch.detector.hold_recorded("")
    assert len(watch.flow(SECOND).verdicts) == 20


def test_a_hold_ends_when_enough_of_them_are_heard_again_for_an_interval_and_a_grace() -> None:
    watch = Watch()
    watch.track(*range(20))
    watch.flow(6 * SECOND)
    watch.detector.hold("", Hold(1, held=True))
    watch.detector.hold_recorded("")
    found = watch.beating(range(20), 2 * SECOND)
    assert [clearance.reason for clearance in found.hold_releases] == ["heartbeats_resumed"]
    watch.detector.hold("", Hold(2))
    watch.detector.hold_recorded("")
    assert watch.beating(range(20), 6 * SECOND) == Findings()


def test_under_a_hold_nobody_is_judged_who_was_suspected_alone_before() -> None:
    watch = Watch()
    watch.track(1)
    watch.detector.hold("", Hold(1, held=True))
    found = watch.flow(8 * SECOND)
    assert [clearance.owner for clearance in found.hold_releases] == [""]
    assert found.verdicts == []


def test_a_hold_that_the_log_does_not_know_any_more_is_none() -> None:
    watch = Watch()
    watch.detector.hold("", Hold(3, held=True))
    watch.detector.load_holds({})
    watch.track(1)
    found = watch.flow(6 * SECOND)
    assert found.hold_releases == []
    assert [(verdict.sender.name, verdict.hold_version) for verdict in found.verdicts] == [
        ("supervisor:t1", 0)
    ]


def test_a_hold_that_the_log_read_anew_tells_of_holds() -> None:
    watch = Watch()
    watch.detector.load_holds({"": Hold(5, held=True), "b": Hold(2, held=False)})
    watch.track(1)
    watch.track(2, owner="b")
    found = watch.flow(6 * SECOND)
    assert [(verdict.sender.name, verdict.hold_version) for verdict in found.verdicts] == [
        ("supervisor:t2", 2)
    ]
    assert [(clearance.owner, clearance.version) for clearance in found.hold_releases] == [("", 5)]


def test_when_a_shard_begins_anew_nobody_is_under_suspicion_there_and_everybody_gets_a_full_timeout() -> None:
    watch = Watch()
    watch.track(*range(8))
    shard_of_each = {number: home(number) for number in range(8)}
    here, there = (
        next(number for number, shard in shard_of_each.items() if shard == wanted) for wanted in (0, 1)
    )
    verdicts = {verdict.sender.name: verdict for verdict in watch.flow(6 * SECOND).verdicts}
    assert len(verdicts) == 8
    watch.detector.begin(watch.detector.shards[0], "e2", watch.sequence + 1)
    assert not watch.detector.warmed_up
    assert (
        watch.detector.shards[0].epoch,
        watch.detector.shards[0].live,
        watch.detector.shards[0].clock.observed,
    ) == ("e2", False, 0)
    assert not watch.detector.is_pending(verdicts[sender(here).name])
    assert watch.detector.is_pending(verdicts[sender(there).name])
    assert watch.flow(3900 * MILLISECOND).verdicts == []
    again = watch.flow(SECOND).verdicts
    assert named(again) == sorted(
        sender(number).name for number, shard in shard_of_each.items() if shard == 0
    )


def test_a_suspect_that_is_heard_on_another_shard_is_none() -> None:
    watch = Watch()
    watch.track(1)
    mine = home(1)
    for second in range(12):
        watch.hear(1, on=mine if second < 2 else 1 - mine)
        assert watch.flow(SECOND).verdicts == []
    assert named(watch.flow(5 * SECOND).verdicts) == ["supervisor:t1"]


def test_a_verdict_that_a_hold_crossed_is_given_again_with_the_new_hold() -> None:
    watch = Watch()
    verdict = watch.asked()
    watch.detector.hold("", Hold(1, held=True))
    watch.detector.hold("", Hold(2))
    watch.detector.reconsider(verdict)
    assert not watch.detector.is_pending(verdict)
    [again] = watch.flow(100 * MILLISECOND).verdicts
    assert (again.hold_version, again.attempt, again.evidence.stream_sequence) == (2, 0, 0)


def test_a_hold_of_an_owner_of_whom_nobody_is_suspected_ends_too() -> None:
    for read_anew in (False, True):
        watch = Watch()
        if read_anew:
            watch.detector.load_holds({"ada": Hold(1, held=True)})
        else:
            watch.detector.hold("ada", Hold(1, held=True))
        [clearance] = watch.flow(2 * SECOND).hold_releases
        assert (clearance.owner, clearance.version, clearance.reason) == ("ada", 1, "heartbeats_resumed")


def test_a_hold_that_is_over_is_not_ended_again() -> None:
    watch = Watch()
    watch.detector.hold("ada", Hold(2, held=False))
    watch.detector.load_holds({"bob": Hold(2, held=False)})
    assert watch.flow(10 * SECOND).hold_releases == []


def test_news_of_a_suspect_change_nothing_of_what_was_heard_of_it() -> None:
    watch = Watch()
    said = held_suspect(watch)
    watch.track(1)
    watch.flow(6 * SECOND)
    watch.detector.hold("", Hold(2))
    watch.detector.hold_recorded("")
    [verdict] = watch.flow(100 * MILLISECOND).verdicts
    assert verdict.evidence.stream_sequence == said


def test_a_suspect_is_one_still_when_another_shard_begins_anew() -> None:
    watch = Watch()
    said = held_suspect(watch)
    watch.detector.begin(watch.detector.shards[1 - home(1)], "e2", watch.sequence + 1)
    watch.flow(6 * SECOND)
    watch.detector.hold("", Hold(2))
    watch.detector.hold_recorded("")
    [verdict] = watch.flow(100 * MILLISECOND).verdicts
    assert verdict.evidence.stream_sequence == said


def test_a_suspect_whose_shard_begins_anew_gets_a_full_timeout() -> None:
    watch = Watch()
    held_suspect(watch)
    watch.detector.begin(watch.detector.shards[home(1)], "e2", watch.sequence + 1)
    watch.detector.hold("", Hold(2))
    watch.detector.hold_recorded("")
    assert watch.flow(3900 * MILLISECOND).verdicts == []
    [verdict] = watch.flow(SECOND).verdicts
    assert verdict.evidence.stream_sequence == 0
