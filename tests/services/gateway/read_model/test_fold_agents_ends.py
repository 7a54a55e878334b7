"""What the read model folds of agents that crash, and of those whose contract has ended."""

from datetime import timedelta

import orjson
import pytest
from makima_gateway.read_model.fold import fold
from makima_schemas.agent import (
    AgentEvent,
    AgentJoined,
    AgentLeft,
    AgentStatusChanged,
    Restarts,
)
from makima_schemas.codec import Event
from makima_schemas.contract.events import (
    ContractArchived,
    ContractCompleted,
    ContractFailed,
    ContractReopened,
)
from makima_schemas.contract.model import ContractStatus
from makima_schemas.times import rfc3339

from tests.services.contract.contract_states import opened
from tests.services.gateway.read_model.agent_lives import (
    JOINED,
    REGISTERED,
    A,
    S,
    agent,
    changed,
    life,
    state,
)
from tests.services.gateway.read_model.folded import folded, said
from tests.services.gateway.read_model.random_logs import BEGIN, EVIDENCE, recorded


def crashed(attempts: int, old: A = A.READY) -> AgentStatusChanged:
    return changed(old, A.RESTARTING, "restart_initiated", restarts=Restarts(attempts, 3, 4.0))


CRASHES: dict[str, tuple[tuple[Event, ...], int | None]] = {
    "once": ((crashed(1),), 1),
    "again before it joined": ((crashed(1), crashed(2, A.RESTARTING)), 2),
    "and is back": ((crashed(1), AgentJoined("c1", "builder", "k2", "d1", A.RESTARTING)), 1),
    "and is given up": ((crashed(3), changed(A.RESTARTING, A.DEAD_FAILED_REVIVE, "restart_exhausted")), 3),
    "and left": ((crashed(1), AgentLeft("c1", "builder", "k1")), None),
    "and a person restarts it": ((crashed(1), changed(A.RESTARTING, A.RESTARTING, "restart_initiated")), None),
}  # fmt: skip


@pytest.mark.parametrize(("story", "attempts"), CRASHES.values(), ids=CRASHES)
def test_it_is_told_how_often_an_agent_that_crashed_is_restarted(
    story: tuple[Event, ...], attempts: int | None
) -> None:
    rows = life(JOINED, *story)
    told = agent(rows).restarts
    assert (None if told is None else orjson.loads(told)["attempts"]) == attempts
    first = said(rows)[2]["restarts"]
    assert first == {
        "attempts": getattr(getattr(story[0], "restarts", None), "attempts", 0),
        "of": 3,
        "next_at": rfc3339(BEGIN + timedelta(seconds=3 + 4)),  # by our clock: of the event, and the delay
    }


COMPLETED = ContractCompleted("request")
DIED = changed(A.READY, A.DEAD, "heartbeat_expired", evidence=EVIDENCE)
SILENT = state(S.WORKING, S.INTERRUPTED, evidence=EVIDENCE)
GONE = (REGISTERED, SILENT)
ENDED_CONTRACTS: dict[str, tuple[tuple[Event, ...], A, bool]] = {
    "of a supervisor, completed": ((*GONE, COMPLETED), A.OFFLINE, False),
    "of a supervisor, failed": ((*GONE, ContractFailed("no way")), A.OFFLINE, False),
    "of a supervisor, reopened": ((*GONE, COMPLETED, ContractReopened(None, ContractStatus.ACTIVE)), A.DEAD, False),
    "of a supervisor, archived": ((*GONE, ContractArchived()), A.OFFLINE, True),
    "of a supervisor, before its silence": ((REGISTERED, COMPLETED, SILENT), A.OFFLINE, False),
    "of a supervisor that lives on": ((REGISTERED, ContractArchived()), A.WORKING, False),
    "completed, archived": ((*GONE, COMPLETED, ContractArchived()), A.OFFLINE, True),
    "of an agent, archived": ((JOINED, DIED, ContractArchived()), A.DEAD, True),
    "of an agent that left, archived": ((JOINED, AgentLeft("c1", "builder", "k1"), ContractArchived()), A.OFFLINE, True),
    "of an agent, before it dies": ((JOINED, ContractArchived(), DIED), A.DEAD, True),
    "of an agent that lives on": ((JOINED, ContractArchived()), A.READY, False),
}  # fmt: skip


@pytest.mark.parametrize(("story", "status", "hidden"), ENDED_CONTRACTS.values(), ids=ENDED_CONTRACTS)
def test_nobody_is_missed_in_a_contract_that_has_ended(
    story: tuple[Event, ...], status: A, *, hidden: bool
) -> None:
    rows = folded(opened())
    for position, event in enumerate(story, 2):
        of_agent = isinstance(event, AgentEvent)
        of_supervisor = event in GONE
        stream = "agent-c1:builder" if of_agent else "supervisor-t1" if of_supervisor else "contract-c1"
        fold(rows, recorded(event, position, stream=stream), event)
    (row,) = rows.agents.values()
    assert (row.agent_status, row.hidden) == (status, hidden)
