"""Tabs, the slider, the widest layout, styles, and the keys that move far and order lists."""

from dataclasses import replace
from datetime import timedelta

import pytest
from makima_cli.monitor.keys import press
from makima_cli.monitor.model import Pane
from makima_cli.monitor.view import draw
from makima_schemas.agent import AgentStatus
from makima_sdk.agents import AgentRecord
from makima_sdk.models import Question

from tests.cli.monitor.records import opened
from tests.cli.monitor.states import NOW, contract, event, fleet, screen, typed


def test_the_tabs_of_tasks_deliverables_and_questions() -> None:
    state = opened()
    typed(state, "2")
    assert any(
        line.split()[:3] == ["▌●", "do", "it"] and "running    builder" in line for line in screen(state)
    )
    typed(state, "3")
    assert any(line.split()[:3] == ["▌○", "pull-request", "execute"] for line in screen(state))
    record = state.inside.record
    assert record is not None
    asked = (Question("q1", "Which?", "answered", "text", (), "blue"), Question("q2", "Why?", "open"))
    state.inside.record = replace(record, questions=asked)
    typed(state, "4")
    text = screen(state)
    assert any(line.rstrip() == "▌✓ Which?   blue" for line in text)
    assert any(line.rstrip() == " ? Why?" for line in text)


def test_the_slider_is_a_cell_an_event_a_wait_compressed_and_where_one_is() -> None:
    line = next(line for line in screen(opened(), 80) if line.startswith(" ◂ v9 of 9 ▸"))
    strip = line.split("▸")[1].split("now")[0].strip()
    assert set(strip) == set("─░├▪")
    assert (strip.count("░"), strip.count("├"), strip[-1]) == (1, 1, "▪")
    then = next(line for line in screen(opened(1), 80) if line.startswith(" ◂ v1 of 9 ▸"))
    assert then.split("▸")[1].split("THEN")[0].strip()[0] == "▪"


def test_at_160_columns_the_contract_under_the_cursor_stands_at_the_right() -> None:
    state = opened()
    state.opened = ""
    state.width = 160
    assert state.viewed() == "c1", "it is read, too"
    lines = screen(state, 160, 45)
    right = [line[97:] for line in lines[3:]]
    assert any(line.startswith(("‹ contract c1", " ‹ contract c1")) for line in right)
    assert any("WHY IT DOES NOT END" in line for line in right)
    assert not any("‹ contract c1" in line for line in screen(state, 159, 45))
    state.width = 159
    assert state.viewed() == ""


@pytest.mark.parametrize(("lost", "is_dim"), [(True, True), (False, False)])
def test_what_is_not_live_is_dim(*, lost: bool, is_dim: bool) -> None:
    state = fleet()
    if lost:
        state.lose(NOW)
    styles = {piece.style for line in draw(state, 80, 24, NOW) for piece in line if piece.text.strip()}
    assert (styles == {"dim"}) == is_dim


def test_dead_is_bold_red_and_what_needs_you_bold_yellow() -> None:
    state = fleet()
    typed(state, "2")
    pieces = [piece for line in draw(state, 80, 24, NOW) for piece in line]
    assert {piece.style for piece in pieces if piece.text in ("■", "✗")} == {"bold red"}
    typed(state, "1")
    pieces = [piece for line in draw(state, 80, 24, NOW) for piece in line]
    assert {piece.style for piece in pieces if piece.text in ("⊘", "¶")} == {"bold yellow"}


def test_the_end_a_page_and_the_orders_newest_moved_and_by_role() -> None:
    state = fleet()
    state.put(
        contract(
            f"x{each:02}",
            created_at=NOW - timedelta(minutes=each),
            last_activity_at=NOW - timedelta(hours=each),
        )
        for each in range(30)
    )
    ids = [each.id for each in state.listed(NOW)]
    typed(state, "j")
    state.fold(event("StaleCleared", 2, "c1"))
    press(state, "space", " ", NOW)
    assert state.selected[Pane.CONTRACTS] == ids[10]
    typed(state, "G")
    assert state.selected[Pane.CONTRACTS] == ids[-1]
    press(state, "escape", None, NOW)
    typed(state, "s")
    moved = [state.moved(each) for each in state.listed(NOW)]
    assert moved == sorted(moved)
    typed(state, "ss")
    assert "by newest" in screen(state)[1]
    made = [each.created_at for each in state.listed(NOW)]
    assert made == sorted(made, reverse=True)
    state.put_agents(AgentRecord(f"c{each}", role, AgentStatus.READY) for each, role in enumerate("cab"))
    typed(state, "2ss")
    assert "by role" in screen(state)[1]
    assert [each.role for each in state.listed_agents()] == ["a", "b", "c"]
