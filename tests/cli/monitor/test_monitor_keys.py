"""The keys of the monitor beyond moving and answering: time, selection, pause, order, why and copies."""

from dataclasses import replace
from datetime import timedelta

import pytest
from makima_cli.monitor.beats import sparkline, strip
from makima_cli.monitor.keys import Act, press
from makima_cli.monitor.model import Link, Pane
from makima_cli.monitor.state import MonitorState
from makima_schemas.contract.model import ContractStatus
from makima_sdk.agents import Beats
from rich.cells import cell_len

from tests.cli.monitor.records import EVENTS, opened
from tests.cli.monitor.states import NOW, SIZES, contract, event, fleet, screen, typed

LATER = NOW + timedelta(minutes=1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("keys", ["1", "2", "3", "4", "5", "{", "w", "2j"])
def test_an_opened_contract_fills_any_terminal_exactly(size: tuple[int, int], keys: str) -> None:
    state = opened(3 if keys == "{" else None)
    typed(state, keys)
    lines = screen(state, *size)
    assert ({cell_len(line) for line in lines}, len(lines)) == ({size[0]}, size[1])


def test_an_opened_contract_says_why_it_does_not_go_on() -> None:
    text = "\n".join(screen(opened(), 100, 40))
    for line in (
        "✓ plan 65s   ● execute",
        "WHY IT DOES NOT END",
        "completion_detector, 0s ago",
        "○ deliverables  0 of 1",
        "○ pull-request",
        "○ tasks         1 of 2 tasks",
        "  ✓ test it",
        "exit code 0",
        "✓ auto-complete",
        "? your confirmation",
        "not asked           you",
        "! [fact] NO_DAEMON: no daemon is there",
    ):
        assert line in text


def test_time_is_stepped_through_by_versions_and_phases() -> None:
    state = opened()
    places: list[int | None] = []
    for key in "[[{]}[.":
        press(state, key, key, NOW)
        places.append(state.inside.at)
    assert places == [8, 7, 1, 2, 7, 6, None]


def test_in_the_past_the_gate_is_as_it_was_and_nothing_can_be_done() -> None:
    state = opened(4)
    typed(state, "2")
    text = screen(state)
    assert any("WHY IT DID NOT END THEN" in line for line in text)
    assert any(line == "═" * 80 for line in text)
    for key in "aAcPUFrb":
        assert typed(state, key) is None
        assert state.prompt is None
        assert "nothing can be done" in state.notice


def test_advance_is_a_dry_run_first() -> None:
    state = fleet()
    state.selected[Pane.CONTRACTS] = "c1"
    assert typed(state, "A") == Act("advance", "c1", "execute", version=1)
    assert state.prompt is None


def test_a_batch_shows_what_it_will_do_and_to_which_and_asks() -> None:
    state = fleet()
    typed(state, "jxjjX")
    assert list(state.marked) == ["c2", "c3", "c4"]
    typed(state, "jjjx")
    assert "4 selected" in screen(state)[1]
    assert [line[2] for line in screen(state) if "contract c3" in line][-1] == "*"
    typed(state, "br")
    assert "resume 1 of 4 (3 cannot be): contract c6? y/n" in screen(state)[-1]
    assert typed(state, "y") == Act("do batch", value="resume", items=(("c6", 1),))
    typed(state, "bu")
    assert typed(state, "n") is None


def test_a_paused_screen_holds_what_comes_and_lets_it_in_later() -> None:
    state = fleet()
    typed(state, "p")
    before = screen(state)[3:]
    state.fold(event("StatusChanged", 2, "c1", old_status="active", new_status="failed"))
    assert "‖ paused, 1 held" in screen(state)[0]
    assert screen(state)[3:] == before
    typed(state, "p")
    assert state.contracts["c1"].status is ContractStatus.FAILED
    assert (state.held.count, state.reread) == (0, True)


def test_ages_stop_while_the_server_is_away() -> None:
    state = fleet()
    state.lose(NOW)
    later = state.shown_at(NOW.replace(hour=12))
    assert (state.link, later) == (Link.RECONNECTING, NOW)
    state.fold({"type": "hello", "epoch": "e1", "position": 1})
    assert state.shown_at(NOW.replace(hour=12)) == NOW.replace(hour=12)


def test_rows_keep_their_place_under_the_cursor_until_g() -> None:
    state = fleet()
    typed(state, "jjjjj")
    order = [each.id for each in state.listed(NOW)]
    known = state.contracts[order[-1]]
    state.put([replace(known, status=ContractStatus.BLOCKED, version=2), contract("c9")])
    assert [each.id for each in state.listed(NOW)] == order
    assert "↑ 1 new: g" in screen(state)[1]
    typed(state, "g")
    assert {each.id for each in state.listed(NOW)} == {*order, "c9"}
    assert state.selected[Pane.CONTRACTS] == state.listed(NOW)[0].id


def test_the_row_under_the_cursor_stays_though_the_filter_no_longer_lets_it_through() -> None:
    state = fleet()
    typed(state, "/status:active\n")
    typed(state, "j")
    chosen = state.selected[Pane.CONTRACTS]
    screen(state)
    state.put([replace(state.contracts[chosen], status=ContractStatus.PAUSED, version=2, updated_at=LATER)])
    assert chosen in {each.id for each in state.listed(NOW)}
    press(state, "escape", None, NOW)
    assert chosen not in {each.id for each in state.listed(NOW)}


def test_the_order_changes_by_s_and_is_named() -> None:
    state = fleet()
    typed(state, "ss")
    assert "by name" in screen(state)[1]
    names = [each.name for each in state.listed(NOW)]
    assert names == sorted(names)


def test_y_copies_the_id_and_then_the_command() -> None:
    state = fleet()
    typed(state, "n")
    assert typed(state, "y") == Act("copy", value="c2")
    assert typed(state, "y") == Act("copy", value="makima contracts answer c2 q1 ANSWER")
    assert typed(state, "y") == Act("copy", value="c2")


def test_w_asks_why_an_agent_is_dead_and_explains_a_contract() -> None:
    state = fleet()
    typed(state, "2j")
    assert typed(state, "w") == Act("why", "c3", "builder")
    typed(state, "1j")
    assert typed(state, "w") is None
    assert (state.opened, state.explained) == ("c2", True)


def test_tab_goes_through_the_panes_that_stand_side_by_side() -> None:
    state = fleet()
    state.width = 120
    panes: list[Pane] = []
    for _ in range(3):
        press(state, "tab", None, NOW)
        panes.append(state.pane)
        assert any("contract c1" in line for line in screen(state, 120, 40)[4:20])
    assert panes == [Pane.AGENTS, Pane.EVENTS, Pane.CONTRACTS]


@pytest.mark.parametrize(
    ("size", "events", "needs"), [((79, 24), False, True), ((80, 18), False, True), ((59, 20), False, False)]
)
def test_a_small_terminal_has_what_needs_you_and_contracts_alone(
    size: tuple[int, int], *, events: bool, needs: bool
) -> None:
    text = "\n".join(screen(fleet(), *size))
    assert ("task completed" in text, "NEEDS YOU" in text) == (events, needs)
    assert "4 need you" in text


def test_the_system_is_shown_or_why_it_is_not() -> None:
    state = MonitorState()
    typed(state, "4")
    state.system_refused = "Refused: administrators only [FORBIDDEN]"
    assert "administrators only" in "\n".join(screen(state))
    replica = {"id": "gateway@vm:1:a", "pid": 1, "ready": False, "failing": {"log": "behind"}}
    state.system = {"position": 7, "services": [{"name": "gateway", "replicas": [replica]}]}
    text = "\n".join(screen(state))
    assert "✗ gateway" in text
    assert "log: behind" in text


def test_beats_and_vital_signs_are_drawn_where_the_server_tells_them() -> None:
    state = fleet()
    assert "LAST 20 BEATS" not in "\n".join(screen(state, 120, 40))
    state.agents = {
        key: replace(each, beats=Beats(NOW, 1.0, "-" * 50 + "|11l110111"))
        for key, each in state.agents.items()
    }
    state.series = {"step_seconds": 60, "values": {"events": [1.0, 2.0], "heartbeats": [None]}}
    text = "\n".join(screen(state, 120, 40))
    assert "··········¦▇▇▃▇▇_▇▇▇" in text
    assert "events 2.0/s ▄▇" in text
    assert "heartbeats" not in text


def test_beats_and_lines_have_their_exact_width() -> None:
    assert strip(None) == " " * 20
    assert strip(Beats(NOW, 1.0, "1x")) == " " * 18 + "▇ "
    assert sparkline([None, 0.0, 5.0, 10.0]) == " ▁▄▇"
    assert len(EVENTS) == opened().contracts["c1"].version
