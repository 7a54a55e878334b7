"""The fold of the monitor: pages and messages in any order and more than once come to the same, in bounds."""

from datetime import timedelta
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st
from makima_cli.monitor.model import Link, Pane
from makima_cli.monitor.rows import agent_label
from makima_cli.monitor.state import MAX_CONTRACTS, MAX_EVENTS, MAX_UNREAD, MonitorState
from makima_cli.monitor.wanted import CONTRACTS, parse
from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus

from tests.cli.monitor.states import NOW, contract, event, fleet, hello

STATUSES = ("active", "paused", "blocked", "waiting_for_input", "failed")


def _log(statuses: list[str]) -> list[dict[str, object]]:
    return [
        event("StatusChanged", place, old_status="active", new_status=status)
        for place, status in enumerate(statuses, 1)
    ]


@given(st.lists(st.sampled_from(STATUSES), min_size=1, max_size=12), st.data())
def test_a_replay_from_any_position_changes_nothing(statuses: list[str], data: st.DataObject) -> None:
    log = _log(statuses)
    once, again = MonitorState(), MonitorState()
    for state in (once, again):
        state.fold(hello())
        state.put([contract("c1")])
    for message in log:
        once.fold(message)
    read = 0
    for until in (*accumulate(data.draw(st.lists(st.integers(0, 4), max_size=6))), len(log)):
        for message in log[max(0, read - data.draw(st.integers(0, 5))) : until]:
            again.fold(message)
        read = max(read, min(until, len(log)))
    assert again.contracts == once.contracts
    assert list(again.events) == list(once.events) == log
    assert again.contracts["c1"].status == statuses[-1]


@given(st.permutations(range(1, 8)), st.lists(st.integers(1, 7), max_size=5))
def test_the_newest_version_wins_whatever_the_order_of_the_pages(order: list[int], more: list[int]) -> None:
    state = MonitorState()
    for version in (*order, *more):
        state.put([contract("c1", version, name=f"v{version}")])
    assert state.contracts["c1"].name == "v7"


def test_a_page_from_before_a_message_does_not_undo_it() -> None:
    state = MonitorState()
    state.fold(hello())
    state.put([contract("c1")])
    state.fold(event("StatusChanged", 1, old_status="active", new_status="paused"))
    state.unread.clear()
    state.put([contract("c1")])
    assert state.contracts["c1"].status is ContractStatus.PAUSED
    assert list(state.unread) == ["c1"], "it is read again"
    state.put([contract("c1", 2, updated_at=NOW + timedelta(seconds=1), status=ContractStatus.PAUSED)])
    assert state.contracts["c1"].version == 2


def test_a_deleted_contract_does_not_come_back_with_an_old_page() -> None:
    state = fleet()
    state.fold(event("StatusChanged", 2, "c1", old_status="archived", new_status=None))
    state.put([contract("c1")])
    assert "c1" not in state.contracts
    assert ("c1", "builder") not in state.agents


def test_it_holds_no_more_however_much_comes() -> None:
    state = MonitorState()
    state.fold(hello())
    state.put(contract(f"c{number}") for number in range(MAX_CONTRACTS + 10))
    for position in range(1, 3 * MAX_EVENTS):
        state.fold(event("TaskCompleted", position, f"x{position}", task_name="a", success=True))
        state.fold({**event("Heartbeat", 0, f"x{position}"), "position": None})
    assert len(state.contracts) == MAX_CONTRACTS
    assert len(state.events) == MAX_EVENTS
    assert len(state.unread) <= MAX_UNREAD
    assert state.heard == {}


def test_another_log_is_read_anew_with_filter_and_selection_kept() -> None:
    state = fleet()
    state.filters[Pane.CONTRACTS] = parse("status:blocked", CONTRACTS)
    state.selected[Pane.CONTRACTS] = "c4"
    state.fold({"type": "reset", "reason": "restored", "epoch": "e2", "position": 9})
    assert (state.epoch, state.position, state.link, state.contracts) == ("e2", 9, Link.LIVE, {})
    assert (state.filters[Pane.CONTRACTS].text, state.selected[Pane.CONTRACTS]) == ("status:blocked", "c4")


def test_what_waits_for_a_person_stands_first_the_oldest_before_the_others() -> None:
    state = fleet()
    assert [(need.kind, need.contract_id) for need in state.needs()] == [
        ("question", "c2"),
        ("confirm", "c3"),
        ("blocked", "c4"),
        ("revive", "c3"),
    ]
    assert [each.id for each in state.listed(NOW)][:3] == ["c2", "c3", "c4"]


def test_an_agents_status_changes_with_its_message() -> None:
    state = fleet()
    members = {
        "role": "builder",
        "old_status": "working",
        "new_status": "dead",
        "trigger": "heartbeat_expired",
    }
    state.fold(event("AgentStatusChanged", 2, "c5", **members))
    changed = state.agents["c5", "builder"]
    assert (changed.status_now, changed.stuck) == (AgentStatus.DEAD, False)


def test_only_the_named_contracts_are_kept() -> None:
    state = MonitorState(only=frozenset({"c2"}))
    state.put([contract("c1"), contract("c2")])
    assert list(state.contracts) == ["c2"]


def test_an_agent_that_is_restarted_shows_which_attempt_it_is() -> None:
    state, seen = fleet(), list[str]()
    told = {"attempts": 2, "of": 3, "next_at": "2026-07-01T10:00:04Z"}
    for place, (status, restarts) in enumerate(
        (("restarting", told), ("restarting", None), ("restarting", told), ("ready", None)), 100
    ):
        message = event("AgentStatusChanged", place, role="builder", new_status=status, restarts=restarts)
        state.fold(message)
        seen.append(agent_label(state.agents["c1", "builder"]))
    assert seen == ["RESTARTING 2/3", "RESTARTING", "RESTARTING 2/3", "READY"]
