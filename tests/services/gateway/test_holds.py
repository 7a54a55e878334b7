"""What the gateway makes of the holds that detectors name, of this version and of older ones."""

from datetime import UTC, datetime, timedelta

import pytest
from makima_gateway.system.holds import DetectorHold, holds
from makima_gateway.system.replicas import ReplicaAnswer, SeenReplica
from makima_schemas.times import rfc3339

AT = datetime(2026, 1, 31, 10, tzinfo=UTC)


def _seen(figures: dict[str, object], *, service: str = "stale_detector", silent: float = 0.0) -> SeenReplica:
    answer = ReplicaAnswer(service, "r1", 1, "h", AT, "1", True, {}, {}, {}, figures)
    return SeenReplica(answer, silent)


def _named(owner: str | None, seconds: int) -> dict[str, object]:
    until = rfc3339(AT + timedelta(seconds=seconds))
    return {"owner_id": owner, "since": rfc3339(AT), "until": until, "silent": 18, "senders": 34}


def test_of_two_detectors_the_one_whose_hold_lasts_longest_counts() -> None:
    found = holds(
        [_seen({"holds": [_named("ada", 60), _named(None, 5)]}), _seen({"holds": [_named("ada", 90)]})]
    )
    assert [(each.owner_id, each.until) for each in found] == [
        (None, AT + timedelta(seconds=5)),
        ("ada", AT + timedelta(seconds=90)),
    ]


def test_an_older_detector_names_owners_alone() -> None:
    assert holds([_seen({"held_owners": ["ada", ""]})]) == [
        DetectorHold(None, None, None, None, None),
        DetectorHold("ada", None, None, None, None),
    ]


@pytest.mark.parametrize(
    "seen",
    [
        _seen({}),
        _seen({"holds": "nonsense"}),
        _seen({"holds": [{"owner_id": "ada"}]}),
        _seen({"holds": [_named("ada", 60)]}, service="gateway"),
        _seen({"holds": [_named("ada", 60)]}, silent=9.0),
    ],
    ids=["nothing", "no list", "half of a hold", "another service", "silent"],
)
def test_what_names_no_hold_is_none(seen: SeenReplica) -> None:
    assert holds([seen]) == []
