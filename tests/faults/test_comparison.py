"""A difference that is planted is found, and named: what is lost, twice, altered or false."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import orjson
from makima_schemas.envelope import Recorded
from makima_schemas.evidence import Evidence
from makima_schemas.silence import SilenceDetected

from tests.faults.comparison import (
    Acknowledged,
    Comparison,
    acknowledged_beside_log,
    delivered_beside_log,
    shown_beside_fold,
    verdicts_beside_truth,
)
from tests.guarantees.heartbeat_oracle import StoredHeartbeats

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def recorded(position: int, mark: str, stream: str = "contract-c1", type_: str = "TaskCreated") -> Recorded:
    data = orjson.dumps({"name": mark})
    return Recorded(position, "default", stream, position, uuid4(), uuid4(), type_, 1, data, {}, T0)


LOG = [recorded(1, "a"), recorded(2, "b"), recorded(3, "c")]
ACKNOWLEDGED = [
    Acknowledged("contract-c1", "TaskCreated", mark, position) for position, mark in enumerate("abc", 1)
]
GOT = [(event.position, str(event.event_id)) for event in LOG]


def found(comparison: Comparison) -> dict[str, int]:
    """The kinds of which there are differences."""
    return {kind: count for kind, count in comparison.counts.items() if count}


def test_what_is_as_it_should_be_holds() -> None:
    assert acknowledged_beside_log("R0", ACKNOWLEDGED, LOG).holds
    assert delivered_beside_log("R0", LOG, {"one": GOT, "two": GOT}).holds
    assert shown_beside_fold("R0", {"t": Counter("ab")}, {"t": Counter("ab")}).holds


def test_a_comparison_of_nothing_does_not_hold() -> None:
    assert not acknowledged_beside_log("R0", [], LOG).holds
    assert not delivered_beside_log("R0", [], {"one": []}).holds
    assert not shown_beside_fold("R0", {"t": Counter()}, {"t": Counter()}).holds


def test_an_acknowledged_command_that_is_lost_twice_altered_or_unasked_is_found() -> None:
    def kinds(log: list[Recorded]) -> dict[str, int]:
        return found(acknowledged_beside_log("R0", ACKNOWLEDGED, log))

    assert kinds(LOG[:2]) == {"lost": 1}
    assert kinds([*LOG, recorded(4, "b")]) == {"twice": 1}
    assert kinds([LOG[1], LOG[0], LOG[2]]) == {}  # in whatever order they are read
    assert kinds([recorded(1, "a"), recorded(2, "c"), recorded(3, "b")]) == {"altered": 2}
    assert kinds([*LOG, recorded(4, "d")]) == {"unasked": 1}
    assert kinds([LOG[0], LOG[1], recorded(3, "c", stream="contract-c2")]) == {"lost": 1}


def test_an_answer_that_says_nothing_is_a_difference() -> None:
    comparison = acknowledged_beside_log("R0", ACKNOWLEDGED, LOG, ["500 Internal"])
    assert (comparison.holds, comparison.differences) == (False, ("unclear: 500 Internal",))


def test_an_event_that_a_subscriber_missed_or_got_twice_altered_or_late_is_found() -> None:
    def kinds(got: list[tuple[int, str]]) -> dict[str, int]:
        return found(delivered_beside_log("R0", LOG, {"whole": GOT, "one": got}))

    assert kinds(GOT[:2]) == {"missing": 1}
    assert kinds([*GOT, GOT[2]]) == {"twice": 1}
    assert kinds([GOT[0], (2, "another"), GOT[2]]) == {"altered": 1}
    assert kinds([GOT[1], GOT[0], GOT[2]]) == {"out of order": 1}
    assert kinds([*GOT, (4, "of no log")]) == {"altered": 1}


def test_a_row_that_is_missing_or_not_of_the_fold_is_found() -> None:
    fold = {"t": Counter({"a": 2, "b": 1}), "u": Counter("x")}
    assert found(shown_beside_fold("R0", {**fold, "t": Counter({"a": 1, "b": 1})}, fold)) == {"missing": 1}
    assert found(shown_beside_fold("R0", {**fold, "t": fold["t"] + Counter("c")}, fold)) == {
        "other than the fold": 1
    }
    assert found(shown_beside_fold("R0", {"t": fold["t"]}, fold)) == {"missing": 1}


def heartbeats(**until: float) -> StoredHeartbeats:
    """Of each sender every 100 ms up to so many seconds, on one shard that flows for 20 s."""
    stored = StoredHeartbeats(defaultdict(list), defaultdict(list), dict.fromkeys(until, "0"))
    stored.shards["0"] = [T0 + timedelta(milliseconds=100 * each) for each in range(200)]
    for name, seconds in until.items():
        stored.beats[name] = [at for at in stored.shards["0"] if at <= T0 + timedelta(seconds=seconds)]
    return stored


def verdict(name: str, at: float) -> SilenceDetected:
    moment = T0 + timedelta(seconds=at)
    evidence = Evidence(None, 2.0, moment, moment, 0.0, "test")
    return SilenceDetected("supervisor", name, None, None, evidence)


def test_a_death_not_found_a_live_sender_declared_dead_and_a_second_verdict_are_found() -> None:
    stored = heartbeats(lives=20, dies=5)

    def kinds(*verdicts: SilenceDetected) -> dict[str, int]:
        return found(verdicts_beside_truth("R0", stored, verdicts, ["dies"]))

    assert kinds(verdict("dies", 7.1)) == {}
    assert kinds() == {"not found": 1}
    assert kinds(verdict("dies", 7.1), verdict("lives", 9)) == {"false": 1}
    assert kinds(verdict("dies", 6)) == {"false": 1}, "it was declared before its time"
    assert kinds(verdict("dies", 7.1), verdict("dies", 8)) == {"twice": 1}
