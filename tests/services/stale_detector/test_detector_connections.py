"""Senders that move between shards, replaced connections, and what the log says against a verdict, in a
simulated world.
"""

from dataclasses import replace

from makima_stale_detector.domain.members.sender import Tracked
from makima_stale_detector.domain.shards.observed_clock import SECOND
from makima_stale_detector.handlers.detection_loop import command_id

from tests.services.stale_detector.flowing_detector import Watch, named, sender
from tests.services.stale_detector.simulation import MINUTE, kill, move, world


def test_a_sender_that_moves_to_another_shard_lives_there_and_dies_there() -> None:
    w = world()
    w.run(MINUTE)
    move(w, "supervisor:t1", "d2")
    w.run(5 * MINUTE)
    assert w.accepted == []
    w.dead.add("supervisor:t1")
    w.run(3 * MINUTE)
    (verdict,) = w.accepted
    assert verdict.evidence.stream_sequence == max(
        each.sequence for each in w.stream if each.sender == "supervisor:t1"
    )


def test_a_sender_that_moves_back_and_forth_is_never_suspected() -> None:
    w = world()
    for _ in range(6):
        move(w, "supervisor:t1", "d2")
        w.run(50 * SECOND)
        move(w, "supervisor:t1", "d")
        w.run(50 * SECOND)
    assert w.accepted == []


def test_a_connection_that_was_replaced_keeps_nobody_alive() -> None:
    """t1's daemon started it anew, as y; a zombie still speaks as x."""
    w = world()
    w.run(MINUTE)
    tracked = w.alive["supervisor:t1"]
    sender = replace(tracked.sender, connection_id="y", superseded=("x",))
    w.alive["supervisor:t1"] = Tracked(sender, tracked.owner)
    w.replicas[0].detector.track(sender, tracked.owner)
    w.connection["supervisor:t1"] = "y"
    w.run(MINUTE)
    w.connection["supervisor:t1"] = "x"
    w.run(3 * MINUTE)
    (judged,) = w.replicas[0].asked or w.accepted
    assert (judged.sender.name, judged.connection_id) == ("supervisor:t1", "y")


def test_whoever_the_log_calls_dead_is_not_judged_and_whoever_it_calls_alive_gets_a_full_timeout() -> None:
    w = world()
    w.run(MINUTE)
    detector = w.replicas[0].detector
    (died,) = kill(w, 1)
    tracked = w.alive.pop(died)
    detector.untrack(died)
    w.run(5 * MINUTE)
    assert w.accepted == []
    w.alive[died] = tracked
    detector.track(tracked.sender, tracked.owner)
    w.run(119 * SECOND)
    assert w.accepted == []
    w.run(2 * SECOND)
    assert w.found == [died]


def test_whoever_is_called_alive_against_our_verdict_is_judged_anew_under_another_id() -> None:
    """The owner may err once (its recorder was behind, say): nobody is forgotten over that."""
    w = world()
    w.run(MINUTE)
    (died,) = kill(w, 1)
    w.take = lambda verdict: None  # refused, and the log says nothing
    w.run(5 * MINUTE)
    first, second, *_ = asked = w.replicas[0].asked
    assert {verdict.sender.name for verdict in asked} == {died}
    assert second.evidence.last_heartbeat_at == first.evidence.last_heartbeat_at
    assert (second.evidence.watermark - first.evidence.watermark).total_seconds() >= 120
    assert command_id(first) != command_id(second)


def test_a_zombie_that_spoke_last_before_it_was_known_as_one_is_not_whom_the_verdict_is_about() -> None:
    w = world()
    w.run(MINUTE)
    tracked = w.alive["supervisor:t1"]
    w.connection["supervisor:t1"] = "x"
    w.run(30 * SECOND)
    w.dead.add("supervisor:t1")
    sender = replace(tracked.sender, connection_id="y", superseded=("x",))
    w.replicas[0].detector.track(sender, tracked.owner)
    w.run(3 * MINUTE)
    assert w.replicas[0].asked[0].connection_id == "y"


def test_nobody_is_declared_silent_over_heartbeats_that_are_refused() -> None:
    watch = Watch()
    watch.track(1, 2)
    for _ in range(12):
        watch.refuse(1)
        assert "supervisor:t1" not in named(watch.flow(SECOND).verdicts)
    watch.refuse(3)  # nobody knows it, and nothing was made of it: it is not waited for
    assert watch.detector.shards.newest("supervisor:t3") is None
    assert named(watch.flow(6 * SECOND).verdicts) == ["supervisor:t1"]


def test_a_replaced_connection_keeps_nobody_alive_by_heartbeats_that_are_refused() -> None:
    watch = Watch()
    watch.detector.track(replace(sender(1), connection_id="y", superseded=("x",)), "")
    for _ in range(3):
        watch.refuse(1, connection="x")
        watch.flow(SECOND)
    assert named(watch.flow(2 * SECOND).verdicts) == ["supervisor:t1"]
