"""What the cursor is on is what a key acts on, and the last line offers what can be done to that and nothing else."""

from dataclasses import replace
from datetime import timedelta

import pytest
from makima_cli.monitor.keys import Act, press
from makima_cli.monitor.model import Pane
from makima_cli.monitor.record import Tab
from makima_cli.monitor.state import MonitorState
from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus
from makima_sdk.agents import AgentRecord

from tests.cli.monitor.records import opened
from tests.cli.monitor.states import NOW, contract, fleet, screen, typed


def two_needs_of_one_contract() -> MonitorState:
    """`c4` is blocked, and one of its agents is given up."""
    state = MonitorState()
    state.put([contract("c4", status=ContractStatus.BLOCKED, blocked_reason="staging is in use")])
    given_up = AgentRecord("c4", "builder", AgentStatus.DEAD_FAILED_REVIVE, since=NOW - timedelta(minutes=2))
    state.put_agents([given_up, AgentRecord("c4", "supervisor", AgentStatus.WORKING, since=NOW)])
    return state


def marked(state: MonitorState) -> list[str]:
    return [line.split()[0] for line in screen(state) if line.startswith("▌")]


def test_each_need_of_a_contract_is_chosen_alone() -> None:
    state, seen = two_needs_of_one_contract(), list[list[str]]()
    for _ in range(3):
        typed(state, "n")
        seen.append(marked(state))
    assert seen == [["▌⊘"], ["▌■"], ["▌⊘"]]


def test_on_an_agent_that_waits_r_and_y_are_about_that_agent() -> None:
    state = two_needs_of_one_contract()
    typed(state, "nn")
    line = screen(state)[-1]
    assert "r restart" in line
    assert "U unblock" not in line
    assert typed(state, "ry") == Act("restart", "c4", "builder")
    assert typed(state, "y") == Act("copy", value="c4/builder")
    assert typed(state, "y") == Act("copy", value="makima agent restart --contract c4 --role builder")
    assert typed(state, "w") == Act("why", "c4", "builder")
    typed(state, "U")
    assert state.prompt is None, "it is about an agent"


def test_an_agent_that_no_longer_waits_is_not_acted_on_unseen() -> None:
    state = two_needs_of_one_contract()
    typed(state, "nn")
    state.put_agents([AgentRecord("c4", "builder", AgentStatus.READY, since=NOW)])
    typed(state, "U")
    assert state.prompt is not None
    assert "unblock contract c4? y/n" in screen(state)[-1]


def test_enter_on_an_agent_that_waits_leads_to_it_in_its_contract() -> None:
    state = two_needs_of_one_contract()
    typed(state, "nn\n")
    assert (state.opened, state.inside.tab) == ("c4", Tab.AGENTS)
    assert typed(state, "ry") == Act("restart", "c4", "builder")


def test_in_the_tab_of_agents_the_first_is_what_r_restarts_before_the_cursor_moves() -> None:
    state = opened()
    typed(state, "5")
    assert any(line.startswith("▌● WORKING") for line in screen(state))
    assert typed(state, "ry") == Act("restart", "c1", "builder")
    typed(state, "j")
    assert typed(state, "ry") == Act("restart", "c1", "supervisor")


def test_the_cursor_of_the_tab_stays_with_its_agent_when_others_come() -> None:
    state = opened()
    typed(state, "5j")
    record = state.inside.record
    assert record is not None
    first = AgentRecord("c1", "analyst", AgentStatus.READY)
    state.inside.record = replace(record, agents=(first, *record.agents))
    assert typed(state, "ry") == Act("restart", "c1", "supervisor")
    assert next(line for line in screen(state) if line.startswith("▌")).split()[2] == "supervisor"


@pytest.mark.parametrize("covers", ["?", "2jw"])
@pytest.mark.parametrize("key", "aAcPUFrbxXsp/nw")
def test_beneath_the_help_and_an_answer_no_key_acts(covers: str, key: str) -> None:
    state = fleet()
    typed(state, "nn" if covers == "?" else "")
    typed(state, covers)
    state.reading = () if covers == "?" else ("why it is dead",)
    before = (state.pane, dict(state.selected), dict(state.orders), state.held.since, dict(state.marked))
    assert typed(state, key) is None
    after = (state.pane, dict(state.selected), dict(state.orders), state.held.since, dict(state.marked))
    assert (state.prompt, state.notice, after) == (None, "", before)
    press(state, "escape", None, NOW)
    assert (state.help, state.reading) == (False, ())


def keys_of(state: MonitorState, width: int = 80) -> str:
    return screen(state, width, 40)[-1]


@pytest.mark.parametrize(
    ("keys", "offered", "not_offered"),
    [
        ("1", "n next|/ filter|s sort|p pause|? keys", "a answer|r restart"),
        (
            "1j",
            "a answer|Enter open|w why|r restart|P pause it|F fail it|x select|y copy",
            "c confirm|b batch",
        ),
        ("1jx", "b batch|X select to here", "c confirm"),
        ("1jj", "c confirm|Enter open", "a answer"),
        ("1jjj", "U unblock", "c confirm"),
        (
            "2j",
            "Enter open|w why dead|r restart|/ filter|s sort|y copy",
            "P pause it|F fail it|U unblock|x select",
        ),
        ("3", "/ filter|p pause", "s sort|Enter open|r restart"),
        ("3j", "Enter open|y copy|/ filter", "s sort|r restart|P pause it"),
        ("4", "p pause|? keys|j k scroll", "s sort|/ filter|n next"),
    ],
)
def test_the_last_line_offers_what_can_be_done_here(keys: str, offered: str, not_offered: str) -> None:
    state = fleet()
    typed(state, keys)
    line = keys_of(state, 200)
    assert ("/ filter" in screen(state)[1]) == ("/ filter" in line)
    assert [key for key in offered.split("|") if key not in line] == []
    assert [key for key in not_offered.split("|") if key in line] == []


@pytest.mark.parametrize("keys", ["", "j", "jx", "jjj", "2", "2j", "3j", "4", "j\n", "2j\n"])
def test_at_80_columns_the_way_to_all_keys_stands_in_the_last_line(keys: str) -> None:
    state = fleet()
    typed(state, keys)
    assert "? keys" in keys_of(state)
    assert "…" not in keys_of(state)


def test_at_80_columns_the_line_is_the_one_that_was_drawn() -> None:
    state = fleet()
    typed(state, "n")
    assert keys_of(state).startswith(" a answer  Enter open  w why  r restart  / filter  s sort  p pause")
    typed(state, "2j")
    assert keys_of(state).startswith(" Enter open  w why dead  r restart  / filter  s sort  p pause")


def test_what_the_line_does_not_offer_on_an_agent_is_not_done() -> None:
    state = fleet()
    typed(state, "2j")
    for key in "acPUFAb":
        assert typed(state, key) is None
        assert state.prompt is None
        assert "Enter opens" in state.notice


def test_an_ended_contract_is_not_failed_again_nor_restarted() -> None:
    state = fleet()
    state.put([contract("c9", status=ContractStatus.COMPLETED)])
    state.selected[Pane.CONTRACTS] = "c9"
    line = keys_of(state, 200)
    assert "F fail it" not in line
    assert "r restart" not in line
    typed(state, "F")
    assert state.prompt is None
