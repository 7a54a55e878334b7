"""Events from and to JSON: strict, upcast where they are old, and refused in the two ways that readers treat
differently.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import cast

import orjson
import pytest
from makima_schemas.codec import (
    CLASS_BY_NAME,
    EVENT_CLASSES,
    SCHEMAS,
    Event,
    Schemas,
    UndecodableError,
    UnknownEventError,
    decode,
    encode,
    write,
)
from makima_schemas.contract.events import ContractPaused, TaskCreated
from makima_schemas.contract.model import ContractStatus
from makima_schemas.silence import StaleDetected

PAUSED = ContractPaused("lunch", ContractStatus.ACTIVE)


def test_what_is_encoded_is_decoded() -> None:
    assert decode("ContractPaused", 1, encode(PAUSED)) == PAUSED


def test_times_are_utc_with_microseconds() -> None:
    moment = datetime(2026, 1, 31, 12, 30, 0, 5, timezone(timedelta(hours=2)))
    stale = StaleDetected("c1", moment, 1800.0, 1900.5)
    assert b'"2026-01-31T10:30:00.000005Z"' in encode(stale)
    assert decode("StaleDetected", 1, encode(stale)) == stale


def test_a_time_without_a_zone_is_not_written() -> None:
    with pytest.raises((ValueError, TypeError), match=r"zone|JSON"):
        encode(StaleDetected("c1", datetime(2026, 1, 31), 1.0, 1.0))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    ("name", "schema"), [("ContractShelved", 1), ("ContractPaused", 2), ("ContractPaused", 0)]
)
def test_what_this_build_does_not_know_stops_the_reader(name: str, schema: int) -> None:
    with pytest.raises(UnknownEventError, match=f"{name} schema {schema}"):
        decode(name, schema, encode(PAUSED))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"reason": "lunch"}',
        b'{"reason": 1, "paused_from": "active"}',
        b'{"reason": null, "paused_from": "asleep"}',
        b'{"reason": "\xff", "paused_from": "active"}',
    ],
)
def test_data_that_fits_no_schema_is_told_apart(data: bytes) -> None:
    with pytest.raises(UndecodableError, match="ContractPaused"):
        decode("ContractPaused", 1, data)


def test_numbers_and_flags_in_quotes_are_not_taken_for_what_they_look_like() -> None:
    body = {
        **cast("dict[str, object]", orjson.loads(encode(TaskCreated("t1", "write", "plan")))),
        "is_supervisor": "true",
    }
    with pytest.raises(UndecodableError, match="is_supervisor"):
        decode("TaskCreated", 1, orjson.dumps(body))


def test_members_of_a_newer_build_are_ignored() -> None:
    assert (
        decode("ContractPaused", 1, b'{"reason": "lunch", "paused_from": "active", "weather": "fine"}')
        == PAUSED
    )


@dataclass(frozen=True)
class Renamed:
    """How `ContractPaused` might look in a later build: schema 1 had `why`, schema 2 no `paused_from`."""

    reason: str | None
    paused_from: ContractStatus


def from_1(body: dict[str, object]) -> dict[str, object]:
    return {"reason": body["why"]}


def from_2(body: dict[str, object]) -> dict[str, object]:
    return {**body, "paused_from": "active"}


LATER = Schemas(
    {"ContractPaused": cast("type[Event]", Renamed)},
    {"ContractPaused": 3},
    {("ContractPaused", 1): from_1, ("ContractPaused", 2): from_2},
)


@pytest.mark.parametrize(
    ("schema", "data"),
    [
        (1, b'{"why": "lunch"}'),
        (2, b'{"reason": "lunch"}'),
        (3, b'{"reason": "lunch", "paused_from": "active"}'),
    ],
)
def test_an_old_schema_is_brought_up_step_by_step(schema: int, data: bytes) -> None:
    assert LATER.decode("ContractPaused", schema, data) == Renamed("lunch", ContractStatus.ACTIVE)


def test_a_schema_newer_than_ours_stops_the_reader_and_older_nonsense_does_not() -> None:
    with pytest.raises(UnknownEventError):
        LATER.decode("ContractPaused", 4, b"{}")
    with pytest.raises(UndecodableError, match="why"):
        LATER.decode("ContractPaused", 1, b'{"because": "lunch"}')


def to_2(body: dict[str, object]) -> dict[str, object]:
    return {"reason": body["reason"]}


def test_a_new_schema_is_written_only_once_all_readers_know_it() -> None:
    event = Renamed("lunch", ContractStatus.ACTIVE)
    waiting = replace(LATER, written_as={"ContractPaused": (2, to_2)})
    assert waiting.write("ContractPaused", event) == (2, b'{"reason":"lunch"}')
    assert waiting.decode("ContractPaused", *waiting.write("ContractPaused", event)) == event
    assert waiting.decode("ContractPaused", *LATER.write("ContractPaused", event)) == event
    assert LATER.write("ContractPaused", event)[0] == 3


def test_what_is_written_in_an_older_form_is_known_and_older() -> None:
    assert all(1 <= schema < SCHEMAS.number(name) for name, (schema, _) in SCHEMAS.written_as.items())
    assert write(PAUSED) == (1, encode(PAUSED))


def test_every_step_up_is_there() -> None:
    for name, current in SCHEMAS.current.items():
        assert all((name, old) in SCHEMAS.upcasts for old in range(1, current)), f"{name} lacks an upcast"


def test_names_are_unique_over_all_categories_and_past_tense() -> None:
    classes = [cls for classes in EVENT_CLASSES.values() for cls in classes]
    assert len(classes) == len(CLASS_BY_NAME)
    irregular = {"Left", "Set", "Sent", "Stuck"}
    assert [
        cls.__name__
        for cls in classes
        if not re.search(r"ed$", cls.__name__) and not cls.__name__.endswith(tuple(irregular))
    ] == []


def test_utc_is_what_is_read() -> None:
    stale = decode(
        "StaleDetected", 1, encode(StaleDetected("c1", datetime(2026, 1, 31, tzinfo=UTC), 1.0, 1.0))
    )
    assert isinstance(stale, StaleDetected)
    assert stale.last_activity_at.utcoffset() == timedelta(0)
