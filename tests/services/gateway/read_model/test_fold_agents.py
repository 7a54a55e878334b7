"""What the read model folds of agents, and what follows for a contract's supervisor."""

from typing import cast

import orjson
import pytest
from makima_gateway.read_model.fold import fold
from makima_schemas.agent import (
    AgentJoined,
    AgentLeft,
    AgentProgressed,
    AgentStatusChanged,
    AgentStuck,
)
from makima_schemas.codec import Event
from makima_schemas.contract.events import (
    ContractDeleted,
    TaskCreated,
)
from makima_schemas.supervisor import (
    SupervisorProgressed,
    SupervisorRegistered,
    SupervisorRestartRequested,
    SupervisorState,
    SupervisorStateChanged,
    SupervisorStuck,
)

from tests.services.gateway.read_model.agent_lives import (
    JOINED,
    REGISTERED,
    SUPERVISOR,
    A,
    S,
    agent,
    changed,
    life,
    state,
)
from tests.services.gateway.read_model.folded import said
from tests.services.gateway.read_model.random_logs import EVIDENCE, recorded


def test_each_event_of_an_agent_is_a_change_of_its_status() -> None:
    rows = life(
        JOINED,
        changed(A.READY, A.WORKING, "task_taken"),
        changed(A.WORKING, A.DEAD, "heartbeat_expired", evidence=EVIDENCE),
        AgentJoined("c1", "builder", "k1", "d1", A.DEAD, A.WORKING),
        AgentLeft("c1", "builder", "k1", A.WORKING),
    )
    told = [message for message in said(rows) if message["type"] == "AgentStatusChanged"]
    assert [(each["old_status"], each["new_status"], each["trigger"]) for each in told] == [
        ("offline", "ready", "join"),
        ("ready", "working", "task_taken"),
        ("working", "dead", "heartbeat_expired"),
        ("dead", "working", "join"),
        ("working", "offline", "leave"),
    ]
    assert {(each["contract_id"], each["role"]) for each in told} == {("c1", "builder")}
    assert set(told[0]) == {
        "type", "position", "timestamp", "contract_id", "name", "role", "old_status", "new_status", "trigger", "restarts",
    }  # fmt: skip


def test_a_verdict_stands_with_its_evidence_until_the_agent_joins_again() -> None:
    dead = changed(A.READY, A.DEAD, "heartbeat_expired", evidence=EVIDENCE)
    row = agent(life(JOINED, dead))
    evidence = cast("dict[str, object]", orjson.loads(row.evidence or ""))
    assert (row.agent_status, evidence["decided_by"], row.version, row.event) == (
        A.DEAD,
        "test",
        2,
        "AgentStatusChanged",
    )
    row = agent(life(JOINED, dead, AgentJoined("c1", "builder", "k1", "d1", A.DEAD)))
    assert (row.agent_status, row.evidence, row.connection_id) == (A.READY, None, "k1")


def test_a_connection_that_was_replaced_stays_fenced() -> None:
    second, third = (AgentJoined("c1", "builder", name, None, A.READY) for name in ("k2", "k3"))
    row = agent(life(JOINED, second, third, third))
    assert (row.connection_id, row.daemon_id, orjson.loads(row.fenced)) == ("k3", None, ["k1", "k2"])


def test_who_never_joined_counts_as_offline_before_what_its_daemon_reports() -> None:
    rows = life(
        AgentStatusChanged(
            "c1", "builder", A.OFFLINE, A.DEAD_FAILED_REVIVE, "restart_exhausted", None, "no such file"
        )
    )
    row = agent(rows)
    assert (row.agent_status, row.connection_id, row.joined_at, row.reason) == (
        A.DEAD_FAILED_REVIVE, None, None, "no such file",
    )  # fmt: skip
    assert said(rows)[-1]["old_status"] == "offline"


def test_who_is_cleaned_up_is_hidden_until_it_joins_again() -> None:
    dead, cleaned = changed(A.READY, A.DEAD, "heartbeat_expired"), changed(A.DEAD, A.OFFLINE, "cleanup")
    row = agent(life(JOINED, dead, cleaned))
    assert (row.agent_status, row.hidden, row.connection_id) == (A.OFFLINE, True, "k1")
    assert not agent(life(JOINED, dead, cleaned, AgentJoined("c1", "builder", "k2", "d1"))).hidden
    assert not agent(life(JOINED, AgentLeft("c1", "builder", "k1"))).hidden


def test_agents_go_with_their_contract_and_late_words_of_them_are_no_error() -> None:
    rows = life(JOINED)
    for position, event in enumerate((ContractDeleted(), changed(A.DEAD, A.OFFLINE, "cleanup")), 3):
        stream = "contract-c1" if position == 3 else "agent-c1:builder"
        fold(rows, recorded(event, position, stream=stream), event)
    assert (rows.agents, rows.orphans) == ({}, [])


LIVES: dict[str, tuple[tuple[Event, ...], A]] = {
    "heard at work": ((REGISTERED,), A.WORKING),
    "idle": ((REGISTERED, state(S.WORKING, S.IDLE)), A.READY),
    "silent": ((REGISTERED, state(S.WORKING, S.INTERRUPTED, evidence=EVIDENCE)), A.DEAD),
    "ended": ((REGISTERED, state(S.WORKING, S.COMPLETED)), A.OFFLINE),
    "being restarted": ((REGISTERED, SupervisorRestartRequested(*SUPERVISOR)), A.RESTARTING),
    "restarted": (
        (REGISTERED, SupervisorRestartRequested(*SUPERVISOR), state(S.WORKING, S.WORKING)),
        A.WORKING,
    ),
}


@pytest.mark.parametrize(("story", "expected"), LIVES.values(), ids=LIVES)
def test_the_supervisors_record_follows_from_its_stream(story: tuple[Event, ...], expected: A) -> None:
    row = agent(life(*story, stream="supervisor-t1"), "supervisor")
    assert (row.agent_status, row.connection_id, row.daemon_id) == (expected, "s1", "d1")
    assert (row.evidence is not None) == (expected is A.DEAD)


def test_a_supervisor_that_was_never_heard_is_offline() -> None:
    task = TaskCreated("t1", "supervise", "plan", None, None, True)
    row = agent(life(task, stream="contract-c1"), "supervisor")
    assert (row.agent_status, row.connection_id, row.hidden) == (A.OFFLINE, None, False)


def test_a_verdict_on_a_replaced_supervisor_does_not_make_the_contracts_agent_dead() -> None:
    rows = life(REGISTERED, stream="supervisor-t1")
    for position, (task, event) in enumerate(
        (
            ("t2", SupervisorRegistered("c1", "d1", "s2", S.WORKING, "plan")),
            ("t1", state(S.WORKING, S.INTERRUPTED, evidence=EVIDENCE)),
        ),
        3,
    ):
        fold(rows, recorded(event, position, stream=f"supervisor-{task}"), event)
    row = agent(rows, "supervisor")
    assert (row.agent_status, row.connection_id, orjson.loads(row.fenced)) == (A.WORKING, "s2", ["s1"])


WORKS = changed(A.READY, A.WORKING, "task_taken")
STUCK = AgentStuck("c1", "builder", "k1", EVIDENCE.deadline, "testing")


@pytest.mark.parametrize(
    ("after", "stuck"),
    [
        ((), True),
        ((AgentProgressed("c1", "builder", "k1", EVIDENCE.watermark),), False),
        ((changed(A.WORKING, A.READY, "tasks_done"),), False),
        ((changed(A.WORKING, A.DEAD, "heartbeat_expired"),), False),
        ((AgentJoined("c1", "builder", "k2", "d1", A.WORKING, A.READY),), False),
    ],
)
def test_an_agent_is_stuck_until_it_gets_on_or_works_no_more(
    after: tuple[Event, ...], *, stuck: bool
) -> None:
    row = agent(life(JOINED, WORKS, STUCK, *after))
    assert (row.stuck, row.stuck_proof is not None) == (stuck, stuck)
    if stuck:
        assert (row.progress_at, row.event) == (EVIDENCE.deadline, "AgentStatusChanged")
        proof = {"event": "AgentStuck", "version": 3, "position": 4, "activity": "testing"}
        assert orjson.loads(row.stuck_proof or "") == proof


def test_a_stuck_supervisor_is_a_stuck_agent_until_it_gets_on_or_ends() -> None:
    begun = SupervisorRegistered("c1", "d1", "k1", SupervisorState.WORKING, "plan")
    stuck = SupervisorStuck("c1", "k1", EVIDENCE.deadline, "reading")
    goes_on = SupervisorProgressed("c1", "k1", EVIDENCE.watermark)
    gone = SupervisorStateChanged(
        "c1",
        "d1",
        "k1",
        SupervisorState.WORKING,
        SupervisorState.INTERRUPTED,
        "plan",
        "heartbeat_expired",
        EVIDENCE,
    )
    shown = [
        agent(life(begun, stuck, *after, stream="supervisor-t1"), "supervisor")
        for after in ((), (goes_on,), (gone,), (gone, stuck, goes_on))
    ]
    assert [row.stuck for row in shown] == [True, False, False, False]
    assert [row.progress_at for row in shown[:2]] == [EVIDENCE.deadline, EVIDENCE.watermark]
