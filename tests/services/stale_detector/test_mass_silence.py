"""When silence is a mass of it, and what the log says of a hold."""

import pytest
from makima_schemas.codec import Event
from makima_schemas.contract.events import ContractStarted
from makima_schemas.silence import MassSilenceCleared, MassSilenceSuspected, StaleCleared
from makima_stale_detector.domain.verdicts.mass_silence import Expiring, Hold, evolve, is_mass, owner_of
from makima_stale_detector.domain.verdicts.sender_group import SenderGroup

from tests.services.stale_detector.recorded import recorded

SUSPECTED = MassSilenceSuspected(20, 11)


@pytest.mark.parametrize(
    ("live_domains", "domains", "senders", "expected"),
    [
        (10, 10, 10, True),
        (20, 10, 10, True),
        (21, 10, 10, False),
        (21, 11, 11, True),
        (9, 9, 9, False),
        (3, 3, 10, True),
        (6, 3, 10, True),
        (7, 3, 1000, False),
        (2, 2, 1000, False),  # both of two machines: nobody can tell an outage from that
        (1, 1, 40, False),  # one laptop with forty agents
        (1000, 499, 5000, False),
        (1000, 500, 500, True),
    ],
)
def test_it_is_a_mass_from_three_domains_on_with_ten_senders_and_half_of_the_owners_domains(
    live_domains: int, domains: int, senders: int, *, expected: bool
) -> None:
    assert is_mass(Expiring(live_domains, domains, senders)) is expected


def test_a_domain_expires_when_all_of_it_does_that_still_lives() -> None:
    owner = SenderGroup("ada")
    for number in range(12):
        owner.add(f"supervisor:t{number}", f"d{number % 3}")
    assert owner.expiring({"d0": 4, "d1": 3}) == Expiring(3, 1, 4)
    assert owner.expiring({"d0": 4, "d1": 3}, judged=["supervisor:t1"]) == Expiring(3, 2, 7)
    owner.add("supervisor:t0", "d1")  # it moved
    assert owner.expiring({"d0": 3, "d1": 4}) == Expiring(3, 1, 3)
    for number in (2, 5, 8, 11):
        owner.remove(f"supervisor:t{number}")
    assert owner.expiring({}) == Expiring(2, 0, 0)


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


def test_a_machine_of_which_everybody_is_judged_or_let_go_is_not_live_any_more() -> None:
    owner = SenderGroup("ada")
    for number in range(6):
        owner.add(f"supervisor:t{number}", f"d{number // 2}")
    assert owner.expiring({}, judged=["supervisor:t0", "supervisor:t1"]) == Expiring(2, 0, 0)
    owner.exempt = {"supervisor:t2"}
    assert owner.expiring({}, judged=["supervisor:t0", "supervisor:t1", "supervisor:t3"]) == Expiring(1, 0, 0)
