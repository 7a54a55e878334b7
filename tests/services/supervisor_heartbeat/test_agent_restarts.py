"""What an agent's daemon reports of its restarts."""

from makima_schemas.agent import AgentLeft, AgentStatus, AgentStatusChanged, Restarts
from makima_supervisor_heartbeat.domain.agents import triggers as t

from tests.services.supervisor_heartbeat.agent_states import JOINED, evidence, given, joined, report

S = AgentStatus


def test_each_attempt_to_restart_it_is_told_once_and_has_the_deadline_of_the_first() -> None:
    crashed, again = (
        AgentStatusChanged(
            "c1",
            "builder",
            old,
            S.RESTARTING,
            "restart_initiated",
            "a",
            "as seen",
            None,
            Restarts(number, 3, 0.5),
        )
        for number, old in ((1, S.READY), (2, S.RESTARTING))
    )
    given(JOINED).when(report(S.RESTARTING, attempts=1)).then(crashed)
    agent = given(JOINED, crashed)
    agent.when(report(S.RESTARTING, attempts=1)).then()
    agent.when(report(S.RESTARTING)).then()
    agent.when(report(S.RESTARTING, attempts=2)).then(again)
    agent = given(JOINED, crashed, again)
    assert (agent.state.since_version, agent.state.version) == (2, 3)
    agent.when(report(S.RESTARTING, attempts=2)).then()
    agent.when(t.JudgeRestart(2, evidence(100))).then(
        AgentStatusChanged("c1", "builder", S.RESTARTING, S.DEAD, "restart_expired", "a", None, evidence(100))
    )
    joins = given(JOINED, crashed, joined("b", S.RESTARTING))
    assert joins.state.restarts == Restarts(1, 3, 0.5), "it is the count of restarts in a row"
    left = given(JOINED, crashed, AgentLeft("c1", "builder", "a", S.RESTARTING))
    assert left.state.restarts is None
