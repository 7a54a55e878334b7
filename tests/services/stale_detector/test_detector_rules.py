"""The detector's rules one by one, on two shards that the test lets flow: who is tracked for whom, what is asked, what a hold holds."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from makima_schemas import subjects
from makima_stale_detector.domain.members.sender import Sender, Tracked
from makima_stale_detector.domain.members.sender_names import heartbeat_subject, shard_of
from makima_stale_detector.domain.shards.observed_clock import CANARIES_FAST, CANARIES_SLOW, MILLISECOND, SECOND, Pace, Timeouts
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.domain.verdicts.findings import Findings
from makima_stale_detector.domain.verdicts.mass_silence import Hold
from makima_stale_detector.domain.verdicts.verdict import Verdict

START = 1_700_000_000 * SECOND
TIMEOUTS = Timeouts(timeout=4 * SECOND, interval=SECOND, grace=500 * MILLISECOND)
SHARDS = 2


class Watch:
    """A detector whose shards are live and flow together; `flow` returns all that it found on the way."""

    def __init__(self) -> None:
        self.detector = Detector(TIMEOUTS, "r1", SHARDS)
        self.clocks, self.sequence = [START] * SHARDS, 0
        self.begin()

    def begin(self, epoch: str = "e1") -> None:
        for shard in self.detector.shards:
            self.detector.begin(shard, epoch, self.sequence + 1)

    def track(self, *numbers: int, owner: str = "") -> None:
        for number in numbers:
            self.detector.track(sender(number), owner)

    def flow(self, span: int, on: Collection[int] = range(SHARDS)) -> Findings:
        """Time goes on where the stream is seen to flow; a shard that was left out goes on from where it stood."""
        found = Findings()
        for _ in range(span // (50 * MILLISECOND)):
            for number in on:
                self.clocks[number] += 50 * MILLISECOND
                self.sequence += 1
                self.detector.shards[number].consumed(self.sequence, self.clocks[number])
            tick = self.detector.tick()
            found.verdicts += tick.verdicts
            found.hold_requests += tick.hold_requests
            found.hold_releases += tick.hold_releases
        return found

    def hear(self, number: int, on: int | None = None, connection: str | None = None) -> None:
        self.sequence += 1
        on = home(number) if on is None else on
        self.detector.shards[on].consumed(self.sequence, self.clocks[on])
        spoken = (sender(number).name, f"c{number}", connection)
        self.detector.on_heartbeat(self.detector.shards[on], spoken, self.sequence, self.clocks[on])

    def beating(self, numbers: Iterable[int], span: int) -> Findings:
        """Everyone of these says something each second."""
        found = Findings()
        for _ in range(span // SECOND):
            for number in numbers:
                self.hear(number)
            each = self.flow(SECOND)
            found.verdicts += each.verdicts
            found.hold_requests += each.hold_requests
            found.hold_releases += each.hold_releases
        return found

    @property
    def paces(self) -> set[Pace]:
        return {shard.clock.pace for shard in self.detector.shards}

    def asked(self, number: int = 1) -> Verdict:
        """Tracked, never heard, and found silent: the verdict that is on its way."""
        self.track(number)
        [verdict] = self.flow(6 * SECOND).verdicts
        assert self.detector.is_pending(verdict)
        return verdict


def sender(number: int) -> Sender:
    return Sender(f"supervisor:t{number}", True, 1, f"c{number}", "d")


def home(number: int) -> int:
    """The shard on which its heartbeats arrive."""
    return shard_of(heartbeat_subject(sender(number).name, "d"), SHARDS)


def named(verdicts: Iterable[Verdict]) -> list[str]:
    return sorted(verdict.sender.name for verdict in verdicts)


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
    assert [(verdict.sender.name, verdict.hold_version) for verdict in found.verdicts] == [("supervisor:t1", 0)]


def test_a_hold_that_the_log_read_anew_tells_of_holds() -> None:
    watch = Watch()
    watch.detector.load_holds({"": Hold(5, held=True), "b": Hold(2, held=False)})
    watch.track(1)
    watch.track(2, owner="b")
    found = watch.flow(6 * SECOND)
    assert [(verdict.sender.name, verdict.hold_version) for verdict in found.verdicts] == [("supervisor:t2", 2)]
    assert [(clearance.owner, clearance.version) for clearance in found.hold_releases] == [("", 5)]


def test_when_a_shard_begins_anew_nobody_is_under_suspicion_there_and_everybody_gets_a_full_timeout() -> None:
    watch = Watch()
    watch.track(*range(8))
    shard_of_each = {number: home(number) for number in range(8)}
    here, there = (next(number for number, shard in shard_of_each.items() if shard == wanted) for wanted in (0, 1))
    verdicts = {verdict.sender.name: verdict for verdict in watch.flow(6 * SECOND).verdicts}
    assert len(verdicts) == 8
    watch.detector.begin(watch.detector.shards[0], "e2", watch.sequence + 1)
    assert not watch.detector.warmed_up
    assert (watch.detector.shards[0].epoch, watch.detector.shards[0].live, watch.detector.shards[0].clock.observed) == ("e2", False, 0)
    assert not watch.detector.is_pending(verdicts[sender(here).name])
    assert watch.detector.is_pending(verdicts[sender(there).name])
    assert watch.flow(3900 * MILLISECOND).verdicts == []
    again = watch.flow(SECOND).verdicts
    assert named(again) == sorted(sender(number).name for number, shard in shard_of_each.items() if shard == 0)


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


def held_suspect(watch: Watch) -> int:
    """One that was heard, fell silent and is a suspect under a hold; the place of what it said last."""
    watch.track(1)
    watch.hear(1)
    said = watch.sequence
    watch.detector.hold("", Hold(1, held=True))
    assert watch.flow(6 * SECOND).verdicts == []
    return said


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
    assert watch.flow(6 * SECOND, on=[soon]) == Findings()  # a suspect, but the other shard has not been read so far
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
