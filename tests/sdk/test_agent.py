"""An agent on the SDK before the real services: it works, and stops when it is to stop."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import pytest_asyncio
from makima_kernel.testing import PATIENCE, eventually
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from makima_schemas import subjects
from makima_sdk import Agent, AgentLostError, Signal, SupersededError, UnansweredError, Work, session
from makima_sdk import agent as agents
from nats.aio.msg import Msg

from tests.sdk.agent_system import AgentSystem, agent_system

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("sdk agents")]
A_BEAT_SECONDS = 1.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[AgentSystem]:
    async with agent_system(
        postgres_server,
        template_database,
        nats_server,
        heartbeat_interval_seconds=A_BEAT_SECONDS,
        agent_timeout_seconds=60,
    ) as made:
        yield made


async def first(agent: Agent) -> Work:
    return await anext(agent.tasks())


async def test_an_agent_takes_the_tasks_of_its_role_as_they_come_and_leaves(system: AgentSystem) -> None:
    contract = await system.contract("first")
    await system.contracts.create_task(contract, "for another", role="tester")
    names: list[str] = []
    async with Agent(contract, "builder", system.connection) as agent:
        async for work in agent.tasks():
            names.append(work.name)
            await work.start()
            if work.name == "first":
                await work.complete(result="built")
                await system.contracts.create_task(contract, "second", role="builder")
            else:
                await work.handoff("tester", result="built, too")
                await system.contracts.act(contract, "complete")
        assert agent.lost_because is None
    assert names == ["first", "second"]
    known = {task.name: task for task in await system.contracts.tasks(contract)}
    assert (known["first"].status, known["first"].result) == ("completed", "built")
    assert (await system.agents.get(contract, "builder")).status_now == "offline"


async def test_one_that_is_stopped_while_it_joins_leaves(
    system: AgentSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Makima has the join, and the agent not yet the answer."""
    monkeypatch.setattr(session, "JOIN_ANSWER_SECONDS", PATIENCE)
    monkeypatch.setattr(agents, "LEAVE_SECONDS", PATIENCE)
    contract = await system.contract()
    is_stopped = asyncio.Event()

    async def work() -> None:
        async with Agent(contract, "builder", system.connection):
            pytest.fail("it was stopped before")

    async def are_ready() -> bool:
        return [agent.status_now for agent in (await system.agents.team(contract)).agents] == ["ready"]

    system.proxy.answers.clear()
    joining = asyncio.create_task(work())
    try:
        await eventually(are_ready)
        joining.cancel()
        asyncio.get_running_loop().call_soon(is_stopped.set)
        await is_stopped.wait()
        assert not joining.done()
    finally:
        system.proxy.answers.set()
    with pytest.raises(asyncio.CancelledError):
        await joining
    assert (await system.agents.get(contract, "builder")).status_now == "offline"


async def test_what_it_reports_is_told_with_its_child_and_its_quiet_time(system: AgentSystem) -> None:
    contract = await system.contract()
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=pipe)
    beats: list[dict[str, Any]] = []

    async def receive(message: Msg) -> None:
        beats.append(orjson.loads(message.data))

    nats = system.gateways.replicas[0].nats
    subscribed = await nats.subscribe(subjects.agent_heartbeat(None, contract, "builder"), cb=receive)
    async with Agent(contract, "builder", system.connection) as agent:
        agent.report(activity="compiles", progress=30)
        agent.watch(child.pid)
        agent.quiet(60.0)
        await eventually(lambda: beats and beats[-1].get("activity") == "compiles")
        told = beats[-1]
        assert (told["progress"], told["connection_id"]) == (30, agent.connection_id)
        assert told["child"].items() >= {"pid": child.pid}.items()
        assert told["child"]["cpu_seconds"] >= 0
        assert datetime.fromisoformat(told["quiet_until"]) > datetime.now(UTC) + timedelta(seconds=30)
        agent.quiet(None)
        child.kill()
        await child.wait()
        await eventually(lambda: not {"child", "quiet_until"} & beats[-1].keys())
        assert [beat["seq"] for beat in beats] == sorted({beat["seq"] for beat in beats})
        agent.watch(child.pid)  # it has ended: there is nothing to tell
        with pytest.raises(ValueError, match="no percentage"):
            agent.report(progress=101)
    await subscribed.unsubscribe()


async def test_a_question_waits_for_its_answer(system: AgentSystem) -> None:
    contract = await system.contract()

    async def answer() -> None:
        open_ = await eventually(lambda: system.contracts.questions(contract))
        assert open_ is not None
        assert (open_[0].question, open_[0].options) == ("Which one?", ("a", "b"))
        await system.contracts.answer(contract, open_[0].id, "b")

    async with Agent(contract, "builder", system.connection) as agent:
        answering = asyncio.create_task(answer())
        assert await agent.ask("Which one?", "choice", ("a", "b"), key=f"which-{contract}") == "b"
        await answering
        assert await agent.ask("Which one?", "choice", ("a", "b"), key=f"which-{contract}") == "b"
        ending = asyncio.create_task(agent.ask("And now?"))
        await eventually(lambda: _is_asked(system, contract, "And now?"))
        await system.contracts.act(contract, "fail", reason="nobody is here")
        with pytest.raises(UnansweredError, match="And now"):
            await ending


async def _is_asked(system: AgentSystem, contract: str, text: str) -> bool:
    return text in {one.question for one in await system.contracts.questions(contract)}


async def test_a_verdict_on_an_agent_that_lives_costs_it_nothing(system: AgentSystem) -> None:
    """It joins again under the same id, so that its task stays with it."""
    contract = await system.contract("a task")
    signals: list[Signal] = []
    async with Agent(contract, "builder", system.connection) as agent:
        agent.on("rejoin_required", signals.append)
        work = await first(agent)
        await work.start()
        await system.silence(contract, "builder")
        agent.report(activity="goes on")
        await eventually(lambda: signals)
        await work.complete(result="done all the same")
        task = (await system.contracts.tasks(contract))[0]
        assert (task.status, task.result, task.connection_id) == (
            "completed",
            "done all the same",
            agent.connection_id,
        )
    assert await system.events(contract, "TaskReleased") == []


async def test_a_result_of_an_agent_that_is_called_dead_is_taken_once_it_has_joined_again(
    system: AgentSystem,
) -> None:
    contract = await system.contract("a task")
    async with Agent(contract, "builder", system.connection) as agent:
        work = await first(agent)
        await work.start()
        await system.silence(contract, "builder")
        await work.complete(result="done")
        assert (await system.contracts.tasks(contract))[0].status == "completed"


async def test_a_superseded_agent_stops_within_a_beat_and_its_result_is_refused(system: AgentSystem) -> None:
    contract = await system.contract("a task")
    old = Agent(contract, "builder", system.connection)
    after: list[str] = []

    async def work() -> None:
        async with old:
            old.on("refused", lambda signal: after.append(str(signal.body["code"])))
            taken = await first(old)
            await taken.start()
            await system.agents.join(contract, "builder", "newer")
            try:
                await asyncio.sleep(60)
            finally:
                with pytest.raises(AgentLostError):
                    await taken.complete(result="too late")
            after.append("went on")

    began = asyncio.get_running_loop().time()
    with pytest.raises(SupersededError, match="a newer process is in force"):
        await work()
    assert asyncio.get_running_loop().time() - began < 30  # not the 60 s that it would have slept
    assert (after, old.lost_because, old.lost.is_set()) == ([], "superseded", True)
    task = (await system.contracts.tasks(contract))[0]
    assert (task.status, task.result) == ("pending", None)


async def test_a_result_that_comes_before_the_beat_is_refused_and_stops_the_agent(
    system: AgentSystem,
) -> None:
    contract = await system.contract("a task")
    old = Agent(contract, "builder", system.connection)
    refused: list[Signal] = []

    async def work() -> None:
        async with old:
            old.on("refused", refused.append)
            taken = await first(old)
            await taken.start()
            await system.agents.join(contract, "builder", "newer")
            await taken.complete(result="too late")

    with pytest.raises(SupersededError):
        await work()
    assert [signal.body["code"] for signal in refused] in (
        [],
        ["SUPERSEDED"],
    )  # the beat may have been faster
    assert (await system.contracts.tasks(contract))[0].result is None
