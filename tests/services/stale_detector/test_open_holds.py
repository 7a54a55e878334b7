"""What the detector says of a hold that is open: whose it is, how much is silent, since when, and when it ends at the latest."""

from makima_stale_detector.domain.shards.observed_clock import SECOND
from makima_stale_detector.domain.verdicts.open_holds import OpenHold, open_holds

from tests.services.stale_detector.simulation import FLEET, MINUTE, STEP, World, kill, one_owner, world


def _open(w: World) -> list[OpenHold]:
    detector = w.replicas[0].detector
    return open_holds(detector.groups, detector.shards, detector.timeouts)


def test_nobody_is_held_while_everybody_beats() -> None:
    w = world(owners=one_owner)
    w.run(2 * MINUTE)
    assert _open(w) == []


def test_a_hold_says_its_end_from_the_beginning_and_ends_then() -> None:
    w = world(owners=one_owner)
    w.run(2 * MINUTE)
    kill(w, FLEET)
    while not _open(w):
        w.run(SECOND)
    (hold,) = _open(w)
    began = w.now
    assert (hold.owner, hold.senders) == ("", FLEET)
    assert hold.since is not None
    assert hold.until is not None
    assert abs(hold.since - began) <= 2 * SECOND
    w.run(MINUTE)
    (later,) = _open(w)
    assert later.silent > hold.silent
    assert later.until is not None
    assert abs(later.until - hold.until) <= SECOND, "it does not move while the clocks go on"
    while _open(w):
        w.run(STEP)
    assert abs(w.now - hold.until) <= 2 * SECOND


def test_a_broker_that_stands_still_moves_the_end_away() -> None:
    w = world(owners=one_owner)
    w.run(2 * MINUTE)
    kill(w, FLEET)
    while not _open(w):
        w.run(SECOND)
    (hold,) = _open(w)
    w.broker_up = False
    w.run(MINUTE)
    w.broker_up = True
    w.run(10 * SECOND)
    (later,) = _open(w)
    assert hold.until is not None
    assert later.until is not None
    assert later.until - hold.until >= 50 * SECOND
