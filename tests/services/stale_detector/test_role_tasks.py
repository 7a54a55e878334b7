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
from makima_kernel.testing import PATIENCE, eventually
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
from makima_stale_detector.handlers.role_task_scanner import for_each
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
    timers.postpone("b", 1.0)
    assert timers.watch(["a", "b"], 0.5, 0.0) == ["a"]
    assert timers.watch(["a", "b"], 0.5, 0.0) == ["a", "b"]
    timers.restart("a")
    assert timers.watch(["a"], 9.0, 1.0) == []
    assert timers.watch([], 0.5, 1.0) == []
    assert timers.watch(["a", "b"], 9.0, 1.0) == [], "both are new again"
    assert timers.watch(["b"], 1.0, 1.0) == ["b"], "exactly so long"


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
    """Two detectors. The agent of another role comes back in time and keeps its task."""
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


async def test_a_daemon_that_does_not_answer_makes_nobody_else_wait() -> None:
    reached = asyncio.Event()

    async def ask(daemon: str) -> None:
        if daemon == "silent":
            await reached.wait()
        else:
            reached.set()

    async with asyncio.timeout(PATIENCE):
        await for_each(["silent", "another one"], ask)
