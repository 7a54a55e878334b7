"""An agent's connections and verdicts: who is in force, who is fenced for good, and what comes too late."""

from dataclasses import replace

import pytest
from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st
from makima_kernel.commands.decider import fold
from makima_kernel.testing.scenario import Given
from makima_schemas.agent import (
    BEATING,
    AgentEvent,
    AgentJoined,
    AgentStatus,
    AgentStatusChanged,
    CleanUpAgent,
    FollowTasks,
    LeaveAgent,
)
from makima_schemas.connections import REMEMBERED_CONNECTIONS
from makima_schemas.errors import ErrorCode
from makima_schemas.evidence import Arrival
from makima_schemas.identity import is_agent_id
from makima_schemas.refusal import Refused
from makima_supervisor_heartbeat.domain.agents import triggers as t
from makima_supervisor_heartbeat.domain.agents.agent import Agent
from makima_supervisor_heartbeat.domain.agents.refusals import refuse_reserved

from tests.services.supervisor_heartbeat.agent_states import (
    ASKS,
    DECIDER,
    JOINED,
    RESTARTS,
    STORIES,
    at,
    evidence,
    given,
    join,
    joined,
    report,
    silence,
)

S = AgentStatus


def test_a_new_connection_fences_the_old_one_for_good() -> None:
    replaced = given(JOINED, joined("b", S.READY))
    assert replaced.state.fenced == ("a",)
    for ask in (join("a"), LeaveAgent("a"), report(S.OFFLINE, "a"), report(S.READY, "a", joins=join("a"))):
        replaced.when(ask).then_refused(ErrorCode.SUPERSEDED)


def test_a_connection_that_was_replaced_long_ago_stays_fenced() -> None:
    newer = [joined(f"n{number}", S.READY) for number in range(REMEMBERED_CONNECTIONS + 1)]
    agent = given(JOINED, *newer)
    assert "a" not in agent.state.fenced
    agent.when(join("a", joined_before=True)).then_refused(ErrorCode.SUPERSEDED)
    agent.when(join("z", joined_before=False)).then(joined("z", S.READY))


def test_the_connection_in_force_may_come_back_and_keeps_its_tasks() -> None:
    dead = given(*STORIES[S.DEAD])
    dead.when(join("a", joined_before=True, holds_tasks=True)).then(joined("a", S.DEAD, S.WORKING))
    dead.when(join("b", holds_tasks=True)).then(joined("b", S.DEAD, S.READY))


def test_a_connection_that_left_may_come_back_until_another_joins() -> None:
    given(*STORIES[S.OFFLINE]).when(join("a", joined_before=True)).then(joined("a", S.OFFLINE))
    given(*STORIES[S.OFFLINE], joined("b")).when(join("a")).then_refused(ErrorCode.SUPERSEDED)


def test_an_agent_that_moves_to_another_daemon_keeps_its_status() -> None:
    moved = given(*STORIES[S.WORKING]).when(join("a", daemon_id="d2"))
    moved.then(replace(joined("a", S.WORKING, S.WORKING), daemon_id="d2"))
    given(*moved.events).when(join("a")).then_nothing()


def test_the_daemon_of_an_agent_is_the_one_that_its_connection_named_last() -> None:
    on_d1 = replace(JOINED, daemon_id="d1")
    alive = given(on_d1)
    for repeat in (join("a"), join("a", daemon_id="d1")):
        alive.when(repeat).then_nothing()
    alive.when(join("b")).then(joined("b", S.READY))  # on none: it did not say
    dead = given(on_d1, *STORIES[S.DEAD][1:])
    dead.when(join("a")).then(replace(joined("a", S.DEAD), daemon_id="d1"))
    dead.when(join("a", daemon_id="d2")).then(replace(joined("a", S.DEAD), daemon_id="d2"))


def test_the_versions_of_an_agent_are_those_of_its_stream() -> None:
    assert (given().state.version, given().state.since_version) == (0, 0)
    assert (given(JOINED).state.version, given(JOINED).state.since_version) == (1, 1)
    moved = given(JOINED, replace(JOINED, old_status=S.READY, daemon_id="d2")).state
    assert (moved.version, moved.since_version) == (2, 1)


def test_a_cleaned_up_agent_keeps_its_fence() -> None:
    cleaned = given(*STORIES[S.DEAD], joined("b", S.DEAD), *STORIES[S.DEAD][1:]).when(CleanUpAgent())
    assert (cleaned.after.status, cleaned.after.fenced) == (S.OFFLINE, ("a",))


def test_a_report_of_an_agent_that_never_joined_makes_a_record_that_anybody_may_join() -> None:
    made = given().when(report(S.RESTARTING, "x"))
    [event] = made.events
    assert isinstance(event, AgentStatusChanged)
    assert (event.old_status, event.connection_id) == (S.OFFLINE, None)
    assert (made.after.contract_id, made.after.role) == ("c1", "builder")
    given(event).when(join("a")).then(joined("a", S.RESTARTING))


def test_ready_of_a_connection_that_is_not_in_force_is_a_join() -> None:
    given(JOINED).when(report(S.READY, "b", joins=join("b"))).then(joined("b", S.READY))
    given(*STORIES[S.DEAD]).when(report(S.READY, "a", joins=join("a"))).then(joined("a", S.DEAD))
    nobody = given().when(report(S.READY, "a", joins=join("a")))
    assert nobody.then_refused(ErrorCode.PARTICIPANT_NOT_FOUND).detail.endswith(
        "joined the contract as builder"
    )
    nobody = given().when(LeaveAgent("a"))
    assert nobody.then_refused(ErrorCode.PARTICIPANT_NOT_FOUND).detail.endswith("joined the contract")


def test_a_restart_needs_a_connected_daemon() -> None:
    for daemon_id in ("d1", None):
        order = t.OrderAgentRestart(None, daemon_id, daemon_connected=False)
        given(JOINED).when(order).then_refused(ErrorCode.UNAVAILABLE)


def test_a_verdict_about_another_connection_or_with_older_evidence_changes_nothing() -> None:
    agent = given(joined("a", seconds=1000))
    agent.when(silence("b", 2000)).then_nothing()
    # A join proves life: silence before it is none of this incarnation.
    agent.when(silence("a", watermark=1044)).then_nothing()
    assert agent.when(silence("a", watermark=1045)).after.status is S.DEAD, "half of a timeout after the join"
    agent.when(silence("a", watermark=1090, newest=Arrival("e1", 7, at(1080)))).then_nothing()
    agent.when(silence("a", watermark=1090, sequence=5, newest=Arrival("e1", 6, at(6)))).then_nothing()
    dead = agent.when(silence("a", watermark=1090, sequence=5, newest=Arrival("e1", 5, at(5))))
    assert (dead.after.status, dead.after.evidence) == (S.DEAD, evidence(1090, 5))
    given(replace(JOINED, joined_at=None)).when(silence("a", watermark=1)).then(*_died(evidence(1)))


def _died(why: object) -> list[AgentEvent]:
    [event] = given(JOINED).when(t.JudgeAgentSilence("a", evidence(100), None)).events
    return [replace(event, evidence=why)]  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_a_restart_expires_only_for_the_restart_that_was_judged() -> None:
    again = given(JOINED, RESTARTS, joined("a", S.RESTARTING), RESTARTS)
    assert again.state.since_version == 4
    again.when(t.JudgeRestart(2, evidence(100))).then_nothing()
    assert again.when(t.JudgeRestart(4, evidence(100))).after.status is S.DEAD


def test_a_supervisor_does_not_join() -> None:
    with pytest.raises(Refused) as refused:
        refuse_reserved("supervisor")
    assert refused.value.code is ErrorCode.INVALID_REQUEST
    assert refused.value.hint == "beat as a supervisor"
    refuse_reserved("builder")


def test_the_id_of_an_agent_names_its_contract_and_its_role() -> None:
    assert is_agent_id("c1:builder")
    assert not any(map(is_agent_id, ("c1", "c1:", ":builder", "c1:a:b", "c 1:builder", "")))


def test_what_can_be_said_without_end_is_a_join_and_every_report_but_that_of_leaving() -> None:
    endless = {name for name, asked in ASKS.items() if t.is_repeatable(asked)}
    joins = {"join", "join anew", "join, holding tasks"}
    assert endless == joins | {f"report {status}" for status in S if status is not S.OFFLINE}


def test_a_command_is_the_same_again_if_what_was_requested_is_the_same() -> None:
    """Whatever was found out for it meanwhile."""

    def same(*asked: t.Command) -> bool:
        return len({repr(t.idempotency_content(each)) for each in asked}) == 1

    restart = t.OrderAgentRestart("stuck", "d1", daemon_connected=True)
    assert same(join("a"), join("a", seconds=9, holds_tasks=True, joined_before=True))
    assert same(report(S.READY, "a"), report(S.READY, "a", joins=join("a")))
    assert same(restart, t.OrderAgentRestart("stuck", None, daemon_connected=False))
    assert same(silence("a", watermark=100), silence("a", watermark=200))
    assert same(t.JudgeRestart(2, evidence(100)), t.JudgeRestart(2, evidence(200)))
    for one, other in (
        (join("a"), join("b")),
        (join("a"), join("a", daemon_id="d2")),
        (report(S.READY, "a"), report(S.READY, "b")),
        (report(S.READY, "a"), report(S.WORKING, "a")),
        (report(S.READY, "a"), replace(report(S.READY, "a"), reason="another")),
        (restart, replace(restart, reason=None)),
        (silence("a"), silence("b")),
        (t.JudgeRestart(2, evidence(100)), t.JudgeRestart(3, evidence(100))),
        (FollowTasks(holds_tasks=True), FollowTasks(holds_tasks=False)),
        (LeaveAgent("a"), LeaveAgent("b")),
        (LeaveAgent("a"), CleanUpAgent()),
    ):
        assert not same(one, other)


REFUSALS = {
    ErrorCode.SUPERSEDED,
    ErrorCode.INVALID_TRANSITION,
    ErrorCode.PARTICIPANT_NOT_FOUND,
    ErrorCode.UNAVAILABLE,
}
CONNECTIONS = st.sampled_from("abcdef")
ANYTHING = st.one_of(
    st.builds(join, CONNECTIONS, seconds=st.integers(0, 500), holds_tasks=st.booleans()),
    st.builds(LeaveAgent, st.none() | CONNECTIONS),
    st.builds(report, st.sampled_from(S), st.none() | CONNECTIONS),
    st.builds(t.OrderAgentRestart, st.none(), st.just("d1"), st.booleans()),
    st.builds(FollowTasks, st.booleans()),
    st.builds(silence, CONNECTIONS, st.integers(0, 900)),
    st.builds(t.JudgeRestart, st.integers(0, 20), st.just(evidence(100))),
    st.just(CleanUpAgent()),
)


@settings(max_examples=150, deadline=None)
@hypothesis_given(st.lists(ANYTHING, max_size=30), st.booleans())
def test_whatever_happens_one_connection_is_in_force_and_one_join_heals(
    asked: list[t.Command],
    holds_tasks: bool,
) -> None:
    agent, ever = DECIDER.initial, set[str]()
    for command in asked:
        before = agent
        agent = _after(command, agent)
        if agent.connection_id is not None:
            ever.add(agent.connection_id)
        replaced = before.connection_id != agent.connection_id
        assert not replaced or isinstance(command, t.Join | t.Report)
        assert set(agent.fenced) == ever - {agent.connection_id}
        assert agent.version == before.version + (agent != before)
    for fenced in agent.fenced:
        with pytest.raises(Refused) as refused:
            DECIDER.decide(join(fenced), agent)
        assert refused.value.code is ErrorCode.SUPERSEDED
    connection = agent.connection_id or "new"
    back = fold(DECIDER, DECIDER.decide(join(connection, holds_tasks=holds_tasks), agent), agent)
    assert back.status in BEATING
    assert back.fenced == agent.fenced
    anew = DECIDER.decide(join("newest"), agent)
    assert [type(event) for event in anew] == [AgentJoined]
    assert fold(DECIDER, anew, agent).status is S.READY


def _after(command: t.Command, agent: Agent) -> Agent:
    outcome = Given(DECIDER, agent).when(command)
    assert outcome.refused is None or outcome.refused.code in REFUSALS
    return outcome.after
