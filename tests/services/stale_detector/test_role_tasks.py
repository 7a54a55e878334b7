"""Tasks of agents that stay away, and tasks that nobody takes: what the clock is about, and what it does."""

import asyncio
from dataclasses import replace
from typing import get_args

import asyncpg
import orjson
import pytest
from makima_contract import app as contract_app
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged, AgentStep
from makima_schemas.codec import Event
from makima_schemas.contract import events as e
from makima_schemas.contract.model import Phase
from makima_stale_detector.domain.role_tasks import (
    AGENT_EVENTS,
    EVENTS,
    TASK_EVENTS,
    EpisodeTimers,
    RoleAgent,
    RoleTask,
    evolve_agent,
    evolve_task,
)
from makima_stale_detector.queries import Queries
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.stale_detector.harness import Running, quick, running
from tests.services.stale_detector.recorded import recorded

S = AgentStatus
CREATED = e.ContractCreated(
    "demo", "", "simple", "ada", (Phase("plan"),), phase_guard=False, auto_complete_enabled=True
)
JOINED = AgentJoined("c1", "builder", "k1", "d1")


def changed(to: AgentStatus) -> AgentStatusChanged:
    return AgentStatusChanged("c1", "builder", S.READY, to, "of this test")


def agent_after(*said: Event) -> RoleAgent | None:
    agent = None
    for version, event in enumerate(said, 1):
        agent = evolve_agent(agent, recorded("agent-c1:builder", event, version=version), event)
    return agent


def task_after(*said: Event) -> RoleTask | None:
    task = None
    for position, event in enumerate(said, 1):
        task = evolve_task(task, recorded("contract-c1", event, position=position), event)
    return task


def test_an_agent_is_away_from_its_death_on_also_when_it_is_cleaned_up() -> None:
    assert agent_after(JOINED) == RoleAgent(S.READY, 1, None)
    assert agent_after(JOINED, changed(S.DEAD)) == RoleAgent(S.DEAD, 2, 2)
    assert agent_after(JOINED, changed(S.DEAD), changed(S.OFFLINE)) == RoleAgent(S.OFFLINE, 3, 2)
    assert agent_after(JOINED, changed(S.DEAD), JOINED) == RoleAgent(S.READY, 3, None)
    assert agent_after(JOINED, AgentLeft("c1", "builder", None)) == RoleAgent(S.OFFLINE, 2, 2)
    assert agent_after(changed(S.DEAD_FAILED_REVIVE)) == RoleAgent(S.DEAD_FAILED_REVIVE, 1, None)
    assert agent_after(JOINED, e.TaskReleased("t1")) == RoleAgent(S.READY, 1, None), (
        "what is none of its events"
    )


def test_each_release_is_a_new_episode_of_waiting() -> None:
    made = e.TaskCreated("t1", "write", "plan", "builder")
    claimed, released = e.TaskClaimed("t1", "builder", "k1"), e.TaskReleased("t1")
    assert task_after(made) == RoleTask("builder", None, 1)
    assert task_after(made, claimed) == RoleTask("builder", "builder", 2)
    assert task_after(made, claimed, released) == RoleTask("builder", None, 3)
    for ended in (e.TaskCompleted("t1", "write"), e.TaskFailed("t1", "write")):
        assert task_after(made, claimed, ended) is None
    assert task_after(replace(made, is_supervisor=True)) is None
    assert task_after(claimed) is None, "a supervisor's own task, or one of a contract that is gone"


def test_what_is_read_of_the_log_is_what_an_agent_can_do_and_what_moves_a_task() -> None:
    assert set(AGENT_EVENTS) == set(get_args(AgentStep))
    moves = {e.TaskCreated, e.TaskClaimed, e.TaskReleased, e.TaskCompleted, e.TaskFailed}
    assert set(TASK_EVENTS) == moves
    assert {*AGENT_EVENTS, *moves, e.ContractDeleted} == EVENTS


def test_only_watched_time_counts_and_an_episode_that_ends_begins_anew() -> None:
    timers = EpisodeTimers[str]()
    assert timers.watch(["a"], 0.5, 1.0) == []
    assert timers.watch(["a", "b"], 0.6, 1.0) == []
    assert timers.watch(["a", "b"], 0.0, 1.0) == [], "blind in between"
    assert timers.watch(["a", "b"], 0.5, 1.0) == ["a"]
    timers.restart("a")
    assert timers.watch(["a"], 9.0, 1.0) == []
    assert timers.watch([], 0.5, 1.0) == []
    assert timers.watch(["a", "b"], 9.0, 1.0) == [], "both are new again"
    assert timers.watch(["b"], 1.0, 1.0) == ["b"], "exactly so long"


def test_what_was_refused_is_due_again_soon_and_then_ever_later() -> None:
    timers, timeout = EpisodeTimers[str](), 300.0
    waited = list[float]()
    assert timers.watch(["a"], 0.0, timeout) == []
    assert timers.watch(["a"], timeout, timeout) == ["a"]
    for _ in range(7):
        timers.retry("a", timeout)
        seconds = 0.0
        while timers.watch(["a"], 0.5, timeout) == []:
            seconds += 0.5
        waited.append(seconds + 0.5)
    assert waited == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]
    timers.watch([], 0.5, timeout)
    timers.watch(["a"], 0.0, timeout)
    timers.retry("a", timeout)
    assert timers.watch(["a"], 1.0, timeout) == ["a"], "an episode that ended is forgotten"
    timers.restart("a")
    assert timers.watch(["a"], 1.0, timeout) == [], "from the start"


@pytest.fixture
def settings_of_both(database: str, nats_url: str) -> Settings:
    settings = quick(database, nats_url)
    times = {"task_claimed_timeout_seconds": 0.8, "task_pending_timeout_seconds": 0.8}
    return settings.model_copy(update={"contracts": settings.contracts.model_copy(update=times)})


async def released(system: Running) -> list[e.TaskReleased]:
    return [event for event in await system.events("contract-c1") if isinstance(event, e.TaskReleased)]


async def test_a_dead_agents_task_returns_once_and_whoever_can_take_it_is_asked_for_once(
    settings_of_both: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    """Two detectors. The agent of another role comes back in time and keeps its task. For the supervisor nobody is asked: it
    is placed and restored, and a second one would speak beside it.
    """
    heard = list[dict[str, object]]()

    async def daemon(message: Msg) -> None:
        heard.append(orjson.loads(message.data))
        await message.respond(b'{"accepted":true}')

    await nats.subscribe(subjects.daemon_signal("d1", "start"), cb=daemon)
    await provision(nats, Log(pool), budget=0.01)
    async with (
        Service.running(contract_app.NAME, settings_of_both, contract_app.build),
        running(settings_of_both, pool, nats, replicas=2, owner=False) as system,
    ):
        await system.record("agent-c1:builder", JOINED)
        await system.record("agent-c1:reviewer", AgentJoined("c1", "reviewer", "r1", "d1"))
        await system.record(
            "contract-c1",
            CREATED,
            e.ContractStarted(),
            e.ContractAssigned("d1", "placed"),
            e.TaskCreated("t0", "report", "plan", "supervisor"),
            e.TaskCreated("t1", "write", "plan", "builder"),
            e.TaskClaimed("t1", "builder", "k1", 1),
            e.TaskStarted("t1", "k1", 1),
            e.TaskCreated("t2", "read", "plan", "reviewer"),
            e.TaskClaimed("t2", "reviewer", "r1", 1),
        )
        gone = AgentStatusChanged("c1", "reviewer", S.READY, S.DEAD, "heartbeat_expired")
        await system.record("agent-c1:reviewer", gone, AgentJoined("c1", "reviewer", "r1", "d1"))
        await system.record("agent-c1:builder", changed(S.DEAD))
        await eventually(lambda: released(system), because="the task was not returned")
        assert await released(system) == [e.TaskReleased("t1", "agent_dead")]
        await eventually(lambda: bool(heard), because="nobody was asked to start the role")
        asked = "select requested from stale_detector.role_tasks where task_id = 't1'"
        await eventually(lambda: pool.fetchval(asked))
        assert [(start["task_id"], start["role"]) for start in heard] == [("t1", "builder")] * 2, (
            "at once, and again when it had waited too long"
        )
        assert await released(system) == [e.TaskReleased("t1", "agent_dead")]


async def test_many_tasks_of_an_unserved_role_are_one_request_and_delay_no_other_contract(
    settings_of_both: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    """The daemon of the one contract does not answer; the other's is asked, and its task returned, meanwhile. The third
    one has no capacity at first: that counted as asked.
    """
    heard, unanswered, answers = list[tuple[str, str]](), list[Msg](), asyncio.Event()

    async def silent(message: Msg) -> None:
        heard.append(("c1", orjson.loads(message.data)["role"]))
        unanswered.append(message)
        if answers.is_set():
            await message.respond(b'{"accepted":true}')

    async def answering(message: Msg) -> None:
        heard.append(("c2", orjson.loads(message.data)["role"]))
        await message.respond(b'{"accepted":true}')

    async def full_at_first(message: Msg) -> None:
        heard.append(("c3", orjson.loads(message.data)["role"]))
        accepts = sum(contract == "c3" for contract, _ in heard) > 1
        full = b'{"accepted":false,"reason":"its capacity of 1 agents is used up"}'
        await message.respond(b'{"accepted":true}' if accepts else full)

    await nats.subscribe(subjects.daemon_signal("d3", "start"), cb=full_at_first)
    await nats.subscribe(subjects.daemon_signal("d1", "start"), cb=silent)
    await nats.subscribe(subjects.daemon_signal("d2", "start"), cb=answering)
    await provision(nats, Log(pool), budget=0.01)
    contracts = settings_of_both.contracts.model_copy(update={"task_pending_timeout_seconds": 60.0})
    settings = settings_of_both.model_copy(update={"contracts": contracts})
    many = [e.TaskCreated(f"t{n}", "t", "plan", f"role{n % 2}") for n in range(60)]
    async with (
        Service.running(contract_app.NAME, settings, contract_app.build),
        running(settings, pool, nats, owner=False) as system,
    ):
        for contract, daemon, tasks in (
            ("c1", "d1", many),
            (
                "c2",
                "d2",
                [e.TaskCreated("t1", "t", "plan", "tester"), e.TaskCreated("t2", "t", "plan", "builder")],
            ),
            ("c3", "d3", [e.TaskCreated("t1", "t", "plan", "builder")]),
        ):
            assigned = (CREATED, e.ContractStarted(), e.ContractAssigned(daemon, "placed"))
            await system.record(f"contract-{contract}", *assigned, *tasks)
        await eventually(lambda: ("c2", "tester") in heard)
        queries = Queries(pool)
        first = [role for role in await queries.waiting_roles(3) if role.contract_id != "c3"]
        assert [(role.contract_id, role.role) for role in first] == [("c1", "role0"), ("c2", "tester")], (
            "one of each contract before the second of any"
        )
        assert (first[0].task_id, first[0].newest_position - first[0].since_position) == ("t0", 58)
        await system.record("agent-c2:builder", AgentJoined("c2", "builder", "k2", "d2"))
        await system.record("contract-c2", e.TaskClaimed("t2", "builder", "k2", 1))
        gone = AgentStatusChanged("c2", "builder", S.READY, S.DEAD, "heartbeat_expired")
        await system.record("agent-c2:builder", gone)

        async def returned() -> bool:
            return e.TaskReleased("t2", "agent_dead") in await system.events("contract-c2")

        await eventually(returned)
        answers.set()
        for message in unanswered:
            await message.respond(b'{"accepted":true}')
        marked = "select count(*) filter (where asked_at_once) = 60 from stale_detector.role_tasks where contract_id = 'c1'"
        await eventually(lambda: pool.fetchval(marked), because="one of its roles was not asked for")
        accepted = "select asked_at_once from stale_detector.role_tasks where contract_id = 'c3'"
        await eventually(lambda: pool.fetchval(accepted), because="a refusal counted as asked")
    asked = [role for contract, role in heard if contract == "c1"]
    assert asked == ["role0", "role1"], "one request of a role, for all its tasks"
    assert [contract for contract, _ in heard].count("c3") == 2, "no more once it was accepted"
