"""Which ends of a process are crashes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makima_daemon.endings import OVER, AgentFacts, Ending, ending
from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus

ACTIVE, PAUSED = ContractStatus.ACTIVE, ContractStatus.PAUSED
OFFLINE, READY, WORKING, DEAD = AgentStatus.OFFLINE, AgentStatus.READY, AgentStatus.WORKING, AgentStatus.DEAD
OURS = frozenset({"old", "now"})
CRASHED, LEFT, REPLACED, SUSPENDED = Ending.CRASHED, Ending.LEFT, Ending.REPLACED, Ending.SUSPENDED


@pytest.mark.parametrize(
    ("exit_code", "known", "then"),
    [
        (0, AgentFacts(ACTIVE, "now", READY), LEFT),
        (1, AgentFacts(ACTIVE, "now", READY), CRASHED),
        (-9, AgentFacts(ACTIVE, "now", WORKING), CRASHED),
        (None, AgentFacts(ACTIVE, "now", WORKING), CRASHED),
        (1, AgentFacts(ACTIVE, "now", OFFLINE), LEFT),  # it said goodbye
        (None, AgentFacts(ACTIVE, "now", OFFLINE), LEFT),
        (1, AgentFacts(ACTIVE, "old", OFFLINE), CRASHED),  # it never joined; the one before it left
        (1, AgentFacts(ACTIVE, "old", DEAD), CRASHED),
        (1, AgentFacts(ACTIVE), CRASHED),  # nobody ever joined
        (1, AgentFacts(ACTIVE, "foreign", READY), REPLACED),
        (1, AgentFacts(ACTIVE, "foreign", DEAD), CRASHED),  # who took its place is gone
        (1, AgentFacts(PAUSED, "now", READY), SUSPENDED),
        (0, AgentFacts(PAUSED, "now", READY), LEFT),
        (1, AgentFacts(ContractStatus.COMPLETED, "now", READY), LEFT),
        (1, AgentFacts(None), LEFT),  # the contract is another daemon's now, or deleted
    ],
)
def test_what_an_end_means(exit_code: int | None, known: AgentFacts, then: Ending) -> None:
    assert ending(exit_code, "now", OURS, known) is then


@given(
    st.one_of(st.none(), st.integers(-64, 255)),
    st.sampled_from(ContractStatus),
    st.sampled_from(["now", "old", "foreign", None]),
    st.sampled_from(AgentStatus),
)
def test_only_a_crash_in_an_open_contract_is_restarted(
    code: int | None, contract: ContractStatus, connection: str | None, status: AgentStatus
) -> None:
    then = ending(code, "now", OURS, AgentFacts(contract, connection, status))
    if then is CRASHED:
        assert code != 0
        assert contract not in OVER | {PAUSED}
