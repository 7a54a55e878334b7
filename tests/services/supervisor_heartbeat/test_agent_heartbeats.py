"""An agent's heartbeat counts if its connection is in force; who else beats is told what it has to do."""

from dataclasses import replace

import msgspec
import pytest
from makima_schemas.agent import AgentStatus
from makima_supervisor_heartbeat.domain.agent_heartbeats import AgentHeartbeats
from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.contracts import Assigned, Contracts
from makima_supervisor_heartbeat.domain.heartbeats import Beat, read
from makima_supervisor_heartbeat.domain.signals import MAX_TOLD, TOLD_EVERY_SECONDS, Signal, Signals

from tests.services.supervisor_heartbeat.agent_states import STORIES, given, joined
from tests.services.supervisor_heartbeat.messages import address, message

S = AgentStatus
TOLD, JOINS = "superseded", "rejoin_required"


def beat(connection_id: str = "a", *, daemon: str = "d1", contract: str = "c1", sequence: int = 1) -> Beat:
    body = {
        "contract_id": contract,
        "role": "builder",
        "connection_id": connection_id,
        "seq": 1,
        "timestamp": "2026-01-01T00:00:00Z",
    }
    subject = f"makima.shards.0.agent.{daemon}.{contract}.builder"
    return read(address(subject), message(msgspec.json.encode(body), sequence, subject))


def heard(agent: Agent, heartbeat: Beat, assigned: Assigned | None = None) -> tuple[bool, list[str]]:
    """Whether it counts, and what its daemon is told, if contract c1 is d1's or as `assigned`."""
    signals = Signals()
    contracts = Contracts({}, signals)
    contracts.create("c1", assigned or Assigned("ada", "d1"))
    counts = AgentHeartbeats(contracts, signals).counts(agent, heartbeat)
    return counts, [each.kind for each in signals.take()]


def agent(status: AgentStatus | None) -> Agent:
    return given(*STORIES[status]).state


@pytest.mark.parametrize("status", [None, *S])
def test_the_connection_in_force_counts_and_joins_again_unless_it_is_alive(
    status: AgentStatus | None,
) -> None:
    told = [] if status in {S.READY, S.WORKING} else [JOINS]
    assert heard(agent(status), beat("a")) == (True, told)


@pytest.mark.parametrize("status", S)
def test_a_connection_that_was_replaced_does_not_count_and_is_told(status: AgentStatus) -> None:
    replaced = replace(agent(status), connection_id="b", fenced=("a",))
    assert heard(replaced, beat("a")) == (False, [TOLD])


@pytest.mark.parametrize("status", S)
def test_a_connection_that_nobody_knows_is_to_join_and_learns_there_whether_it_may(
    status: AgentStatus,
) -> None:
    assert heard(agent(status), beat("z")) == (False, [JOINS])


def test_a_minimal_record_is_anybodys() -> None:
    minimal = Agent("c1", "builder", S.RESTARTING)
    assert heard(minimal, beat("a")) == (True, [JOINS])


def test_a_daemon_that_holds_neither_contract_nor_agent_is_told() -> None:
    assert heard(agent(S.READY), beat("a", daemon="d2")) == (False, [TOLD])
    assert heard(agent(None), beat("a", daemon="d2")) == (False, [TOLD])
    moved = replace(agent(S.READY), daemon_id="d2")
    assert heard(moved, beat("a", daemon="d2")) == (True, []), "it joined from there"
    nobodys = Assigned("ada", None)
    assert heard(agent(None), beat("a", daemon="d2"), nobodys) == (True, [JOINS])


def test_nobody_is_told_which_contracts_exist() -> None:
    assert heard(agent(None), beat("a", contract="c9")) == (True, [])
    assert heard(agent(S.DEAD), beat("z", contract="c9")) == (False, [])


def test_without_a_daemon_there_is_nobody_to_tell() -> None:
    assert heard(agent(S.DEAD), beat("a", daemon="_")) == (True, [])


def test_the_signal_names_the_agent() -> None:
    signals = Signals()
    signals.notify(JOINS, beat("a"))
    assert signals.take() == [Signal(JOINS, "d1", "c1", "builder", None, "a")]
    assert signals.take() == []


def test_who_goes_on_is_told_every_ten_seconds_and_memory_is_bounded() -> None:
    signals, every = Signals(), int(TOLD_EVERY_SECONDS * 1000)
    for sequence, count in ((1, 1), (every, 0), (every + 1, 1), (every + 2, 0)):
        signals.notify(TOLD, beat("a", sequence=sequence))
        assert len(signals.take()) == count
    for number in range(MAX_TOLD + 5):
        signals.notify(TOLD, beat(f"x{number}", sequence=every + 3))
    assert len(signals.take()) == MAX_TOLD


def test_one_join_ends_it() -> None:
    back = given(*STORIES[S.DEAD], joined("a", S.DEAD)).state
    assert heard(back, beat("a")) == (True, [])
