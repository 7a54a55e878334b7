"""When silence is a mass of it, and what the log says of a hold."""

import pytest
from makima_schemas.codec import Event
from makima_schemas.contract.events import ContractStarted
from makima_schemas.silence import MassSilenceCleared, MassSilenceSuspected, StaleCleared
from makima_stale_detector.domain.verdicts.mass_silence import Hold, evolve, is_mass, owner_of

from tests.services.stale_detector.recorded import recorded

SUSPECTED = MassSilenceSuspected(20, 11)


@pytest.mark.parametrize(
    ("tracked", "expiring", "expected"),
    [
        (10, 10, True),
        (20, 10, True),
        (21, 10, False),
        (21, 11, True),
        (9, 9, False),
        (18, 9, False),
        (1000, 499, False),
        (1000, 500, True),
    ],
)
def test_it_is_a_mass_from_ten_on_and_half_of_the_owners_senders(
    tracked: int, expiring: int, *, expected: bool
) -> None:
    assert is_mass(tracked, expiring) is expected


@pytest.mark.parametrize(
    ("before", "version", "event", "after"),
    [
        (Hold(), 1, SUSPECTED, Hold(1, held=True)),
        (Hold(1, held=True), 2, MassSilenceCleared("heartbeats_resumed"), Hold(2)),
        (Hold(1, held=True), 2, MassSilenceCleared("hold_expired"), Hold(2, expired=True)),
        (Hold(2, expired=True), 3, SUSPECTED, Hold(3, held=True)),
        (Hold(2), 2, SUSPECTED, Hold(2)),
        (Hold(2), 1, SUSPECTED, Hold(2)),
        (Hold(1, held=True), 2, StaleCleared("c1"), Hold(1, held=True)),
    ],
)
def test_a_hold_is_what_its_stream_said_last(before: Hold, version: int, event: Event, after: Hold) -> None:
    assert evolve(before, recorded("silence-owner:ada", event, version=version), event) == after


@pytest.mark.parametrize(
    ("stream", "owner"),
    [
        ("silence-owner:ada", "ada"),
        ("silence-owner:", ""),
        ("silence-c1", None),
        ("contract-owner:ada", None),
    ],
)
def test_the_stream_names_the_owner(stream: str, owner: str | None) -> None:
    assert owner_of(recorded(stream, ContractStarted())) == owner
