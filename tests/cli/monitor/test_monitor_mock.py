"""The screens have what terminal.md draws: what was meant where, how long, and who is behind it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from makima_cli.monitor.view import draw
from makima_schemas.agent import AgentStatus
from makima_sdk.agents import AgentRecord, Beats, Restarts
from makima_sdk.models import DeliverableView, TaskCounts

from tests.cli.monitor.records import opened
from tests.cli.monitor.states import NOW, contract, fleet, screen, typed

LATER = NOW + timedelta(hours=3)
EVIDENCE = {
    "last_heartbeat_at": "2026-07-01T09:58:01.000000Z",
    "timeout_seconds": 15.0,
    "deadline": "2026-07-01T09:58:16.000000Z",
    "watermark": "2026-07-01T09:58:17.250000Z",
    "lateness_ms": 1250,
    "decided_by": "supervisor_heartbeat@vm:1",
}


def text_at(state: object, width: int, height: int, moment: object) -> str:
    lines = draw(state, width, height, moment)  # pyright: ignore[reportArgumentType]
    return "\n".join("".join(piece.text for piece in line) for line in lines)


@pytest.mark.parametrize("moment", [NOW, LATER])
def test_in_the_past_ages_count_to_that_moment(moment: object) -> None:
    text = text_at(opened(7), 100, 40, moment)
    line = next(line for line in text.splitlines() if "○ do it" in line)
    assert "67s  builder" in line


def test_the_phase_that_goes_on_says_for_how_long() -> None:
    assert "● execute 2m" not in text_at(opened(), 100, 40, NOW)
    assert "✓ plan 65s   ● execute 4m" in text_at(opened(), 100, 40, NOW + timedelta(seconds=67 + 240))
    assert "✓ plan 65s   ● execute 1s" in text_at(opened(8), 100, 40, LATER), "as it was then"


def test_a_wide_need_says_why_it_is_ready_and_how_its_agent_is() -> None:
    state = fleet()
    items = (
        DeliverableView("plan", "plan-document", "Plan", completed=True),
        DeliverableView("execute", "pull-request", "Pull request", completed=True),
    )
    known = state.contracts["c3"]
    state.put([replace(known, version=2, deliverables=items, tasks=TaskCounts(total=2, completed=2))])
    gone = AgentRecord(
        "c3",
        "builder",
        AgentStatus.DEAD_FAILED_REVIVE,
        since=NOW,
        daemon_id="daemon-grace",
        restarts=Restarts(3, 3),
    )
    state.put_agents([AgentRecord("c3", "supervisor", AgentStatus.READY, since=NOW), gone])
    wide, narrow = screen(state, 120, 40), screen(state)
    ready = next(line for line in wide if "plan is ready" in line)
    assert "plan is ready (2 of 2 tasks, plan-document): go on" in ready
    assert ready.rstrip().endswith("○ READY        5m")
    revive = next(line for line in wide if "restarts failed" in line)
    assert "builder on daemon-grace: 3 restarts failed" in revive
    assert revive.rstrip().endswith("■ DEAD         0s")
    assert any("plan is ready: go on to execute?" in line for line in narrow)


def test_waits_for_names_the_phase_and_the_tasks_that_failed() -> None:
    state = fleet()
    tasks = TaskCounts(total=3, completed=1, failed=2)
    state.put([contract("c1", 2, tasks=tasks, updated_at=LATER)])
    text = "\n".join(screen(state, 140, 40))
    assert "you, to confirm execute" in text
    assert "2 of 3 tasks (2 failed)" in text


def about(agent: AgentRecord) -> list[str]:
    """The last three lines of the agents pane, on that agent."""
    state = fleet()
    state.put_agents([agent])
    typed(state, "2j")
    return [line.rstrip() for line in screen(state)[-5:-2]]


def test_under_the_agents_stands_what_the_agent_does_and_how_its_heartbeats_came() -> None:
    each = AgentRecord(
        "c1", "builder", AgentStatus.WORKING, since=NOW, daemon_id="daemon-ada", connection_id="5e5aaf65-1",
        activity="pytest tests/e2e -x", beats=Beats(NOW, 1.0, "--11l0111"),
    )  # fmt: skip
    first, second, third = about(each)
    assert first.split("   ")[0].strip() == "builder of contract c1"
    assert first.endswith("daemon-ada   connection 5e5aaf65")
    assert second.startswith(" pytest tests/e2e -x")
    assert second.endswith("since 10:00:00, 6 of the last 7 heartbeats came")
    assert third == ""
    stuck = about(replace(each, stuck=True, progress_at=NOW - timedelta(minutes=12)))
    assert "beats, but nothing has moved for 12m: stuck" in stuck[2]


def test_under_the_agents_stands_why_a_dead_one_is_dead() -> None:
    _, second, third = about(AgentRecord("c1", "builder", AgentStatus.DEAD, since=NOW, evidence=EVIDENCE))
    assert second == " last heartbeat 09:58:01, timeout 15 s: the next one was due by 09:58:16"
    assert third == " all read up to 09:58:17, 1.25 s late; decided by supervisor_heartbeat@vm:1"
    given_up = about(
        AgentRecord(
            "c1",
            "builder",
            AgentStatus.DEAD_FAILED_REVIVE,
            since=NOW,
            daemon_id="d1",
            restarts=Restarts(3, 3),
        )
    )
    assert given_up[1].startswith(" [fact] daemon d1 said that its restarts failed, 3 of 3")


@pytest.mark.parametrize("size", [(120, 40), (200, 50)])
def test_rows_that_contracts_do_not_need_are_for_agents_and_events(size: tuple[int, int]) -> None:
    state = fleet()
    state.put_agents(AgentRecord(f"c{each % 6 + 1}", f"role-{each}", AgentStatus.READY) for each in range(14))
    typed(state, "j")
    lines = screen(state, *size)
    assert sum("role-" in line for line in lines) >= 14
    left = [line[: size[0] * 3 // 5 - 2].strip() for line in lines[3:-4]]
    assert "" not in left[: left.index(next(line for line in left if line.startswith("STATE")))]


def test_beside_others_an_agents_name_has_room_and_its_state_is_short() -> None:
    state = fleet()
    for key, each in state.agents.items():
        state.agents[key] = replace(
            each, beats=Beats(NOW, 1.0, "1" * 20), progress_at=NOW - timedelta(minutes=12)
        )
    text = "\n".join(screen(state, 120, 40))
    assert "■ DEAD (UNREC.)   builder contract" in text
    assert "WORKING ⧗12m" in text
    assert "builder contract…" not in text
