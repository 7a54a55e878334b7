"""What the log has told of a sender, kept as JSON: whatever it is, it is read back as it was."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makima_schemas.agent import AgentStatus
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.evidence import Arrival, Evidence
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.daemon import Daemon
from makima_supervisor_heartbeat.domain.sender_state import (
    AGENT,
    DAEMON,
    SUPERVISOR,
    SenderState,
    dump_state,
    evolve,
    initial,
    load_state,
)
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor

MOMENT = datetime(2026, 1, 1, 12, 30, 0, 123456, tzinfo=UTC)
HEARD = Arrival("e1", 7, MOMENT)
EVIDENCE = Evidence(MOMENT, 120.0, MOMENT, MOMENT, 12.5, "r1", 7, "e1")
texts = st.text(max_size=20)
supervisors = st.builds(
    Supervisor,
    contract_id=texts,
    daemon_id=texts,
    connection_id=st.none() | texts,
    state=st.none() | st.sampled_from(SupervisorState),
    phase=texts,
    superseded=st.lists(texts, max_size=4).map(tuple),
    heard=st.sampled_from([None, HEARD]),
    evidence=st.sampled_from([None, EVIDENCE]),
)
daemons = st.builds(
    Daemon,
    hostname=texts,
    connected=st.none() | st.booleans(),
    heard=st.sampled_from([None, HEARD]),
    evidence=st.sampled_from([None, EVIDENCE]),
)
agents = st.builds(
    Agent,
    contract_id=texts,
    role=texts,
    status=st.none() | st.sampled_from(AgentStatus),
    connection_id=st.none() | texts,
    daemon_id=st.none() | texts,
    fenced=st.lists(texts, max_size=4).map(tuple),
    joined_at=st.none() | st.just(MOMENT),
    trigger=texts,
    version=st.integers(0, 9),
    since_version=st.integers(0, 9),
    evidence=st.sampled_from([None, EVIDENCE]),
)


@given(supervisors)
def test_a_supervisor_is_read_as_it_was_kept(told: Supervisor) -> None:
    assert load_state("supervisor-t1", dump_state(told)) == told


@given(daemons)
def test_a_daemon_is_read_as_it_was_kept(told: Daemon) -> None:
    assert load_state("daemon-d1", dump_state(told)) == told


@given(agents)
def test_an_agent_is_read_as_it_was_kept(told: Agent) -> None:
    assert load_state("agent-c1:builder", dump_state(told)) == told


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ("supervisor-t1", SUPERVISOR.initial),
        ("daemon-d1", DAEMON.initial),
        ("agent-c1:builder", AGENT.initial),
    ],
)
def test_before_its_first_event_it_is_as_its_rules_begin(stream: str, expected: SenderState) -> None:
    assert initial(stream) == expected


def test_each_is_told_further_by_its_own_rules() -> None:
    registered = SupervisorRegistered("c1", "d1", "a", SupervisorState.WORKING, "plan", HEARD)
    told = evolve(initial("supervisor-t1"), registered)
    assert isinstance(told, Supervisor)
    assert (told.contract_id, told.daemon_id, told.connection_id, told.state) == (
        "c1",
        "d1",
        "a",
        SupervisorState.WORKING,
    )
    connected = evolve(initial("daemon-d1"), DaemonConnected("box"))
    assert isinstance(connected, Daemon)
    assert (connected.hostname, connected.connected) == ("box", True)
    gone = evolve(connected, DaemonDisconnected(EVIDENCE))
    assert isinstance(gone, Daemon)
    assert gone.connected is False
