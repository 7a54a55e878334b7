"""One table: guard, destination, refusal and documentation come from it and agree."""

from dataclasses import dataclass
from enum import StrEnum

import pytest
from makima_kernel.commands.lifecycle import GONE, STAY, Lifecycle, Recorded, Row, SideEffect


class Door(StrEnum):
    OPEN = "open"
    SHUT = "shut"
    LOCKED = "locked"


class Build: ...


class Shut: ...


class Lock: ...


class Unlock: ...


class Paint: ...


class Burn: ...


class WasBuilt: ...


class WasShut: ...


class WasLocked: ...


@dataclass
class WasUnlocked:
    to: Door


class WasPainted: ...


class HasBurnt: ...


DOOR = Lifecycle[Door](
    Row((None,), Build, WasBuilt, Door.OPEN),
    Row((Door.OPEN,), Shut, WasShut, Door.SHUT),
    Row((Door.SHUT,), Lock, WasLocked, Door.LOCKED),
    Row((Door.LOCKED,), Unlock, WasUnlocked, Recorded((Door.SHUT, Door.OPEN))),
    Row((Door.OPEN, Door.SHUT, Door.LOCKED), Paint, WasPainted, STAY),
    Row((Door.SHUT,), Burn, HasBurnt, GONE),
    SideEffect((Door.OPEN,), Lock, WasShut, Door.SHUT),
)


def test_a_command_is_allowed_where_a_row_says_so() -> None:
    rows = {
        (status, command): DOOR.allowed(status, command)
        for status in (None, *Door)
        for command in DOOR.commands
    }
    allowed = {(status, command) for (status, command), row in rows.items() if row}
    assert allowed == {
        (None, Build),
        (Door.OPEN, Shut),
        (Door.SHUT, Lock),
        (Door.LOCKED, Unlock),
        (Door.SHUT, Burn),
        *((status, Paint) for status in Door),
    }


def test_what_is_recorded_besides_lets_nothing_happen() -> None:
    assert DOOR.allowed(Door.OPEN, Lock) is None
    assert DOOR.covers(Door.OPEN, Lock, WasShut)
    assert not DOOR.covers(Door.OPEN, Lock, WasLocked)


def test_an_event_leads_where_its_row_says_or_where_it_says_itself() -> None:
    assert DOOR.destination(None, WasBuilt()) is Door.OPEN
    assert DOOR.destination(Door.LOCKED, WasUnlocked(Door.OPEN)) is Door.OPEN
    assert DOOR.destination(Door.SHUT, WasPainted()) is Door.SHUT
    assert DOOR.destination(Door.SHUT, HasBurnt()) is Door.SHUT


def test_a_replay_asks_no_rule() -> None:
    """What was recorded under older rules still leads where it led."""
    assert DOOR.destination(Door.LOCKED, WasShut()) is Door.SHUT


def test_an_event_that_is_in_no_row_leads_nowhere() -> None:
    with pytest.raises(LookupError):
        DOOR.destination(Door.OPEN, Burn())
    with pytest.raises(LookupError, match="WasPainted"):
        DOOR.destination(None, WasPainted())


def test_one_event_has_one_destination() -> None:
    with pytest.raises(ValueError, match="WasShut has two destinations"):
        Lifecycle[Door](
            Row((Door.OPEN,), Shut, WasShut, Door.SHUT), Row((Door.LOCKED,), Shut, WasShut, Door.LOCKED)
        )


def test_targets_are_every_other_status_that_can_follow_in_their_order() -> None:
    assert DOOR.targets(None) == (Door.OPEN,)
    assert DOOR.targets(Door.SHUT) == (Door.LOCKED,)
    assert DOOR.targets(Door.LOCKED) == (Door.OPEN, Door.SHUT)


@pytest.mark.parametrize(
    ("status", "command", "to", "allowed"),
    [
        (Door.OPEN, Lock, "locked", ["shut"]),
        (Door.OPEN, Unlock, "shut", ["shut"]),
        (Door.OPEN, Burn, "deleted", ["shut"]),
        (Door.LOCKED, Build, "open", ["open", "shut"]),
    ],
)
def test_a_refusal_says_from_where_to_where_and_what_is_allowed(
    status: Door, command: type, to: str, allowed: list[str]
) -> None:
    assert DOOR.refusal(status, command, "no").members == {"from": str(status), "to": to, "allowed": allowed}


def test_the_statuses_are_those_of_the_enumeration() -> None:
    assert DOOR.statuses == tuple(Door)


def test_the_diagram_has_an_arrow_for_every_step() -> None:
    assert DOOR.mermaid().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> open : Build",
        "    open --> shut : Shut, Lock",
        "    shut --> locked : Lock",
        "    locked --> shut : Unlock",
        "    locked --> open : Unlock",
        "    shut --> [*] : Burn",
    ]


def test_the_table_is_written_as_it_is() -> None:
    lines = DOOR.markdown().splitlines()
    assert lines[2] == "| (nothing yet) | `Build` | `WasBuilt` | open |"
    assert lines[5] == "| locked | `Unlock` | `WasUnlocked` | recorded: shut or open |"
    assert lines[8] == "| open | `Lock` | also `WasShut` | shut |"
    assert len(lines) == 2 + len(DOOR.rows)


def test_an_event_that_records_its_destination_may_lead_elsewhere_from_another_row() -> None:
    opened = Row((Door.LOCKED,), Unlock, WasUnlocked, Recorded((Door.OPEN,)))
    door = Lifecycle[Door](opened, Row((Door.OPEN,), Shut, WasUnlocked, Recorded((Door.SHUT,))))
    assert (door.targets(Door.LOCKED), door.targets(Door.OPEN)) == ((Door.OPEN,), (Door.SHUT,))
    assert door.destination(Door.OPEN, WasUnlocked(Door.SHUT)) is Door.SHUT
    with pytest.raises(ValueError, match="WasUnlocked has two destinations"):
        Lifecycle[Door](opened, Row((Door.OPEN,), Shut, WasUnlocked, Recorded((Door.SHUT,), by="where")))
    with pytest.raises(ValueError, match="WasUnlocked has two destinations"):
        Lifecycle[Door](opened, Row((Door.OPEN,), Shut, WasUnlocked, Door.SHUT))
