"""All shards together: the slowest one counts, and a sender is where it was heard last."""

import pytest
from makima_stale_detector.domain.shards.observed_clock import CANARIES_FAST, CANARIES_SLOW, SECOND
from makima_stale_detector.domain.shards.shards import Shards
from makima_stale_detector.domain.verdicts.mass_silence import Hold
from makima_stale_detector.domain.verdicts.sender_group import SenderGroup, Suspect

START = 1_700_000_000 * SECOND


def flowing(*observed: int) -> Shards:
    """Live shards whose clocks show this much, in seconds."""
    shards = Shards(len(observed), grace=3 * SECOND)
    for shard, seconds in zip(shards, observed, strict=True):
        shard.begin("e1", 1)
        shard.consumed(1, START)
        for tenth in range(1, seconds * 10 + 1):
            shard.consumed(tenth + 1, START + tenth * SECOND // 10)
    return shards


def test_the_watermark_is_that_of_the_shard_that_is_furthest_back() -> None:
    shards = flowing(9, 4)
    assert shards.watermark == START + 4 * SECOND
    shards[1].begin("e2", 100)
    assert (shards.live, shards.watermark) == (False, 0)


def test_what_a_stream_held_before_is_history_until_it_is_live() -> None:
    [shard] = flowing(0)
    shard.begin("e2", 10)
    for sequence in (1, 9):
        shard.consumed(sequence, START + sequence * SECOND)
        assert (shard.live, shard.clock.observed) == (False, 0)
    shard.consumed(10, START + 10 * SECOND)
    assert (shard.live, shard.clock.observed, shard.clock.watermark) == (True, 0, START + 10 * SECOND)
    shard.consumed(11, START + 10 * SECOND + SECOND // 10)
    assert shard.clock.observed == SECOND // 10


def test_time_has_passed_when_it_has_on_the_slowest_and_on_any() -> None:
    shards = flowing(9, 4)
    assert shards.observed() == (9 * SECOND, 4 * SECOND)
    assert shards.passed((2 * SECOND, SECOND)) == 3 * SECOND
    assert shards.any_passed((2 * SECOND, SECOND), 6 * SECOND)
    assert not shards.any_passed((2 * SECOND, SECOND), 7 * SECOND)


def test_a_sender_on_two_shards_is_where_its_newest_beat_is() -> None:
    shards = flowing(0, 0, 0)
    assert shards.newest("s") is None
    shards[0].wheel.touch("s", (SECOND, 5, START, None))
    assert shards.newest("s") == (SECOND, 5, START, None)
    shards[2].wheel.touch("s", (SECOND, 4, START, "x"))
    assert shards.newest("s") == (SECOND, 5, START, None)
    assert shards.heard_after("s", (SECOND, 4, START, "x"))
    assert not shards.heard_after("s", (SECOND, 5, START, None))
    assert not shards.heard_after("nobody", (SECOND, 0, 0, None))


def test_all_go_at_one_pace() -> None:
    shards = flowing(0, 0)
    assert {shard.clock.pace for shard in shards} == {CANARIES_FAST}
    shards.set_pace(CANARIES_SLOW)
    assert {shard.clock.pace for shard in shards} == {CANARIES_SLOW}


def test_a_hold_is_measured_from_when_it_began_and_releases_those_who_were_suspects_when_it_expired() -> None:
    owner, suspect = SenderGroup("ada"), Suspect(flowing(1)[0], (0, 1, START, None))
    for name in "abc":
        owner.add(name, "d1")
    owner.suspects = {"a": suspect, "b": suspect}
    owner.apply(Hold(1, held=True), (SECOND,))
    owner.calm_since = (2 * SECOND,)
    owner.apply(Hold(1, held=True), (5 * SECOND,))  # again, or an older one: nothing
    assert (owner.held_since, owner.calm_since, owner.unexplained().total()) == ((SECOND,), (2 * SECOND,), 2)
    owner.apply(Hold(2, expired=True), (9 * SECOND,))
    owner.suspects["c"] = suspect
    assert (owner.hold, owner.exempt, owner.unexplained().total()) == (Hold(2, expired=True), {"a", "b"}, 1)
    owner.forget("a")
    assert (owner.suspects.keys(), owner.exempt) == ({"b", "c"}, {"b"})
    owner.apply(Hold(3, held=True), (11 * SECOND,))
    assert (owner.held_since, owner.calm_since, owner.exempt) == ((11 * SECOND,), None, set())


def test_a_hold_of_a_log_read_anew_is_that_logs_and_the_same_one_goes_on() -> None:
    owner = SenderGroup("ada")
    owner.apply(Hold(3, held=True), (SECOND, SECOND))
    owner.replace(Hold(3, held=True), (7 * SECOND, 7 * SECOND))
    assert owner.held_since == (SECOND, SECOND)
    owner.exempt = {"a"}
    owner.replace(Hold(1, held=True), (8 * SECOND, 8 * SECOND))
    assert (owner.hold, owner.held_since, owner.exempt) == (
        Hold(1, held=True),
        (8 * SECOND, 8 * SECOND),
        set(),
    )
    owner.replace(Hold(), (9 * SECOND, 9 * SECOND))
    assert (owner.hold, owner.held_since, owner.calm_since) == (Hold(), (), None)


def test_when_a_shard_begins_anew_its_suspects_are_none_and_the_holds_time_there_starts_again() -> None:
    shards, owner = flowing(5, 5), SenderGroup("ada")
    owner.suspects = {
        f"s{number}": Suspect(shard, (0, 1, START, None)) for number, shard in enumerate(shards)
    }
    owner.apply(Hold(1, held=True), (SECOND, 2 * SECOND))
    owner.calm_since = (3 * SECOND, 3 * SECOND)
    owner.begin(shards[1])
    assert (owner.suspects.keys(), owner.held_since, owner.calm_since) == ({"s0"}, (SECOND, 0), None)


def test_a_deadline_is_told_on_the_brokers_clock_as_it_goes_now() -> None:
    [shard] = flowing(9)
    assert Suspect(shard, (7 * SECOND, 1, START, None)).due == START + 7 * SECOND
    shard.clock.advance(shard.clock.watermark + 3600 * SECOND)  # stood still for an hour: set back by a grace
    assert Suspect(shard, (7 * SECOND, 1, START, None)).due == shard.clock.watermark - (
        shard.clock.observed - 7 * SECOND
    )
    assert Suspect(shard, (7 * SECOND, 1, START, None)).due > shard.clock.watermark


def test_a_hold_that_is_said_again_goes_on_from_when_it_began() -> None:
    owner = SenderGroup("ada")
    owner.apply(Hold(1), (SECOND,))
    assert owner.held_since == ()
    owner.apply(Hold(2, held=True), (2 * SECOND,))
    owner.apply(Hold(3, held=True), (5 * SECOND,))
    assert (owner.hold.version, owner.held_since) == (3, (2 * SECOND,))


def test_where_the_log_read_anew_knows_of_no_hold_nobody_is_exempt() -> None:
    owner = SenderGroup("ada")
    owner.apply(Hold(2, expired=True), (SECOND,))
    owner.exempt = {"a"}
    owner.replace(Hold(), (SECOND,))
    assert owner.exempt == set()


def test_a_hold_that_is_older_or_known_releases_nobody() -> None:
    owner, suspect = SenderGroup("ada"), Suspect(flowing(1)[0], (0, 1, START, None))
    owner.suspects = {"a": suspect}
    owner.apply(Hold(4, expired=True), (SECOND,))
    owner.suspects["b"] = suspect
    for version in (3, 4):
        owner.apply(Hold(version, expired=True), (2 * SECOND,))
        assert (owner.hold.version, owner.exempt) == (4, {"a"})
    owner.apply(Hold(3, held=True), (2 * SECOND,))
    assert (owner.hold, owner.held_since, owner.exempt) == (Hold(4, expired=True), (), {"a"})


@pytest.mark.parametrize(
    ("senders", "domains", "may"),
    [(10, 3, True), (9, 3, False), (10, 2, False), (9, 9, False), (100, 2, False), (11, 4, True)],
)
def test_it_takes_ten_senders_on_three_machines_to_be_a_mass(
    senders: int, domains: int, *, may: bool
) -> None:
    owner = SenderGroup("ada")
    for number in range(senders):
        owner.add(f"s{number}", f"d{number % domains}")
    assert owner.may_be_mass is may


def test_a_machine_whose_last_sender_is_gone_is_none_any_more() -> None:
    owner = SenderGroup("ada")
    for number in range(18):
        owner.add(f"s{number}", f"d{number % 3}")
    for number in range(0, 15, 3):
        owner.remove(f"s{number}")
        assert owner.may_be_mass
    owner.add("s15", "d1")  # the last one of d0 moves
    assert not owner.may_be_mass
    owner.remove("s15")
    owner.remove("nobody")
    assert (len(owner.senders), owner.may_be_mass) == (12, False)


def test_suspects_are_counted_by_machine_without_those_that_are_exempt() -> None:
    owner, suspect = SenderGroup("ada"), Suspect(flowing(1)[0], (0, 1, START, None))
    for name, domain in (("a", "d1"), ("b", "d1"), ("c", "d2"), ("d", "d3")):
        owner.add(name, domain)
    owner.suspects = dict.fromkeys("abc", suspect)
    owner.exempt = {"c"}
    assert owner.unexplained() == {"d1": 2}
    owner.exempt = {"a"}
    assert owner.unexplained() == {"d1": 1, "d2": 1}
