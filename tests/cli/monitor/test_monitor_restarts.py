"""Restarts from the monitor: of an agent under the cursor, and only where its contract runs."""

from dataclasses import replace

import pytest
from makima_cli.monitor.keys import Act
from makima_cli.monitor.last_lines import keys_here
from makima_cli.monitor.record import Tab
from makima_cli.monitor.state import MonitorState
from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus
from makima_sdk.agents import AgentRecord

from tests.cli.monitor.records import opened
from tests.cli.monitor.states import NOW, contract, typed


def test_a_tab_has_a_cursor_and_an_agent_in_it_is_what_r_restarts() -> None:
    state = opened()
    typed(state, "5")
    assert state.inside.tab is Tab.AGENTS
    typed(state, "k")
    typed(state, "r")
    assert state.prompt is not None
    assert "restart builder of contract c1" in state.prompt.asks
    assert typed(state, "y") == Act("restart", "c1", "builder")


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (
            ContractStatus.PAUSED,
            "contract c1 is paused, nobody is restarted in it: P resumes it, then r restarts",
        ),
        (ContractStatus.CREATED, "contract c1 is created, nobody is restarted in it"),
        (ContractStatus.FAILED, "contract c1 is failed, nobody is restarted in it"),
    ],
)
def test_nobody_is_restarted_in_a_contract_that_does_not_run(status: ContractStatus, says: str) -> None:
    state = opened()
    state.contracts["c1"] = replace(state.contracts["c1"], status=status)
    typed(state, "5k")
    assert "r restart" not in keys_here(state)
    assert typed(state, "r") is None
    assert (state.prompt, state.notice) == (None, says)


def test_the_command_about_who_is_beyond_revival_in_a_paused_contract_resumes_that() -> None:
    state = MonitorState()
    state.put([contract("c1", status=ContractStatus.PAUSED)])
    state.agents["c1", "builder"] = AgentRecord("c1", "builder", AgentStatus.DEAD_FAILED_REVIVE, since=NOW)
    typed(state, "n")
    act = typed(state, "yy")
    assert act == Act("copy", value="makima contracts resume c1")
    state.put([contract("c1", 2)])
    assert typed(state, "yy") == Act("copy", value="makima agent restart --contract c1 --role builder")
