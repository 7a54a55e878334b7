"""What the screen says of its own age, and of what it shows: how far behind, what changed, who was heard."""

from datetime import timedelta

from makima_cli.monitor.state import MonitorState
from makima_cli.monitor.view import draw
from makima_schemas.agent import AgentStatus
from makima_sdk.agents import AgentRecord

from tests.cli.monitor.states import NOW, contract, event, fleet, screen, typed


def first_line(state: MonitorState, width: int, later: float = 0.0) -> str:
    line = draw(state, width, 24, NOW + timedelta(seconds=later))[0]
    return "".join(piece.text for piece in line).rstrip()


def test_the_header_tells_how_far_behind_the_screen_is() -> None:
    state = fleet()
    state.told_at = NOW
    state.fold({"type": "Tick", "position": 1, "lag_ms": 140})
    assert first_line(state, 80).endswith("● live  1  0.1s")
    assert first_line(state, 120).endswith("● live  position 1  0.1s behind")
    assert first_line(state, 80, later=4.0).endswith("◆ behind 4.1s"), "the server says something each second"
    state.fold({"type": "Tick", "position": 1, "lag_ms": 4200})
    assert first_line(state, 80).endswith("◆ behind 4.2s")
    state.lose(NOW)
    state.attempts, state.retry_at = 3, NOW + timedelta(seconds=4)
    assert first_line(state, 80).endswith("□ reconnecting (3) in 4s")
    assert first_line(state, 80, later=5.0).endswith("□ reconnecting (3)")


def test_a_cell_is_underlined_for_a_second_after_it_changed() -> None:
    state = fleet()

    def underlined(later: float) -> list[str]:
        lines = draw(state, 120, 40, NOW + timedelta(seconds=later))
        return [piece.text.strip() for line in lines for piece in line if "underline" in piece.style]

    assert underlined(0.0) == [], "what is shown first did not change"
    state.put([contract("c1", 2, phase="execute", updated_at=NOW + timedelta(minutes=1))])
    state.fold(event("AgentStatusChanged", 2, "c1", role="builder", old_status="ready", new_status="dead"))
    assert underlined(1.0) == ["execute 2/2", "DEAD"]
    assert underlined(1.9) == ["execute 2/2", "DEAD"]
    assert underlined(2.1) == []


def test_a_long_filter_leaves_the_names_of_the_panes() -> None:
    state = fleet()
    typed(state, f"/{'x' * 70}\n")
    assert screen(state)[1].startswith(" [1 Contracts 6]  2 Agents 6   3 Events   4 System ")


def test_an_agent_is_heard_by_its_heartbeats_and_never_while_it_is_gone() -> None:
    state = fleet()
    read = NOW - timedelta(seconds=30)
    state.put_agents(
        AgentRecord("c1", role, status, last_heartbeat_at=read)
        for role, status in (("builder", AgentStatus.READY), ("gone", AgentStatus.OFFLINE))
    )
    builder, gone = state.agents.values()
    assert (state.heard_of(builder), state.heard_of(gone)) == (read, None)
    for seconds in (12, 20):
        at = (NOW - timedelta(seconds=seconds)).isoformat()
        state.fold({"type": "Heartbeat", "contract_id": "c1", "role": "builder", "timestamp": at})
    assert state.heard_of(builder) == NOW - timedelta(seconds=12), "it never goes back"
    typed(state, "2")
    assert any("builder" in line and " 12s " in line for line in screen(state))
