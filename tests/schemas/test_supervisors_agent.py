"""The agent record of a supervisor is derived from its stream, row by row as agents.md has it."""

from datetime import UTC, datetime

import pytest
from makima_schemas.agent import AgentStatus
from makima_schemas.evidence import Evidence
from makima_schemas.supervisor import (
    SupervisorRegistered,
    SupervisorRestartRequested,
    SupervisorState,
    SupervisorStateChanged,
)
from makima_schemas.supervisors_agent import SupervisorsAgent, agent_status, evolve

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WORKING, INTERRUPTED = SupervisorState.WORKING, SupervisorState.INTERRUPTED
EVIDENCE = Evidence(NOON, 120.0, NOON, NOON, 0.0, "test")

# Transcribed from agents.md, Who is who; the second column: a restart was asked for, and it was not heard since.
PAGE = {
    None: ("offline", "offline"),
    SupervisorState.INTERRUPTED: ("dead", "dead"),
    SupervisorState.INITIALIZING: ("working", "restarting"),
    SupervisorState.WORKING: ("working", "restarting"),
    SupervisorState.COMPLETED: ("offline", "restarting"),
    SupervisorState.FAILED: ("offline", "restarting"),
    SupervisorState.IDLE: ("ready", "restarting"),
    SupervisorState.WAITING_FOR_USER: ("ready", "restarting"),
    SupervisorState.WAITING_FOR_TASKS: ("ready", "restarting"),
    SupervisorState.BLOCKED: ("ready", "restarting"),
}


@pytest.mark.parametrize("state", [None, *SupervisorState])
def test_each_state_of_a_supervisor_is_a_status_of_an_agent(state: SupervisorState | None) -> None:
    said = tuple(agent_status(state, restart_requested=asked) for asked in (False, True))
    assert said == PAGE[state]


@pytest.mark.parametrize("state", [None, *SupervisorState])
def test_nobody_misses_a_supervisor_whose_contract_has_ended(state: SupervisorState | None) -> None:
    said = {agent_status(state, restart_requested=asked, contract_ended=True) for asked in (False, True)}
    assert said == {"offline" if state is INTERRUPTED else PAGE[state][0]}


def test_a_restart_shows_until_the_supervisor_is_heard_again_or_declared_silent() -> None:
    heard = evolve(SupervisorsAgent(), SupervisorRegistered("c1", "d1", "a", WORKING, "plan"))
    assert heard.agent_status is AgentStatus.WORKING
    asked = evolve(heard, SupervisorRestartRequested("c1", "d1", "a"))
    assert asked.agent_status is AgentStatus.RESTARTING
    back = SupervisorStateChanged("c1", "d1", "b", WORKING, WORKING, "plan", "heartbeat")
    assert evolve(asked, back) == SupervisorsAgent(WORKING, "d1", "b")
    silent = SupervisorStateChanged(
        "c1", "d1", "a", WORKING, INTERRUPTED, "plan", "heartbeat_expired", EVIDENCE
    )
    dead = evolve(asked, silent)
    assert (dead.agent_status, dead.evidence) == (AgentStatus.DEAD, EVIDENCE)
