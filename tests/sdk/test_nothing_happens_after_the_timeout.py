"""When makima acknowledged nothing for the timeout, the side effects of an agent and of a supervisor stop."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from makima_kernel.testing import PATIENCE
from makima_local import ports
from makima_sdk import Agent, AgentLostError, Connection, Signal, Supervisor, sync

from tests.sdk.http_server import body_server

OK = '{"status": "ok", "interval_seconds": 0.05, "timeout_seconds": 0.5}'
KINDS = pytest.mark.parametrize("supervises", [False, True], ids=["agent", "supervisor"])


@dataclass
class Makima:
    """Acknowledges heartbeats until it is away: then it answers 503, or nothing."""

    url: str
    away: asyncio.Event = field(default_factory=asyncio.Event)
    heard: list[str] = field(default_factory=list[str])  # routes, since it is away

    def reply(self, path: str, _body: bytes) -> tuple[int, str]:
        if not self.away.is_set():
            return 200, OK
        self.heard.append(path.rsplit("/", 1)[-1])
        return 503, "{}"


@asynccontextmanager
async def makima(*, answers_503: bool) -> AsyncGenerator[Makima]:
    port = ports.free()
    made = Makima(f"http://127.0.0.1:{port}")
    serving = asyncio.create_task(_serve(made, port, answers_503=answers_503))
    try:
        yield made
    finally:
        serving.cancel()
        await asyncio.wait({serving})


async def _serve(makima: Makima, port: int, *, answers_503: bool) -> None:
    async with body_server(port, makima.reply):
        await makima.away.wait()
        if answers_503:
            await asyncio.Event().wait()


@KINDS
@pytest.mark.parametrize("answers_503", [True, False], ids=["503", "nobody"])
async def test_the_body_is_cancelled(*, supervises: bool, answers_503: bool) -> None:
    signals: list[str] = []
    after: list[str] = []

    async def act(agent: Agent | Supervisor) -> None:
        for kind in ("away", "timeout", "lost"):
            agent.on(kind, lambda signal: signals.append(signal.kind))
        async with asyncio.timeout(PATIENCE), agent:
            server.away.set()
            try:
                await asyncio.Event().wait()
            finally:
                assert agent.lost.is_set()
                with pytest.raises(AgentLostError):
                    agent.raise_if_lost()
                with pytest.raises(AgentLostError):
                    await agent.requests.send("POST", "/contracts/c1/tasks/t1/complete")
            after.append("went on")

    async with makima(answers_503=answers_503) as server:
        to = Connection(url=server.url)
        agent = Supervisor("c1", to, daemon_id="d1") if supervises else Agent("c1", "builder", to)
        with pytest.raises(AgentLostError, match=r"acknowledged nothing for 0\.5 s") as lost:
            await act(agent)
    assert (lost.value.because, agent.lost_because, after) == ("timeout", "timeout", [])
    assert signals in (["away", "timeout", "lost"], ["timeout", "lost"]), "a busy machine asks too late"
    assert set(server.heard) <= {"heartbeat"}, "it said more: that it leaves, for example"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


@KINDS
async def test_without_asyncio_every_call_is_refused(*, supervises: bool) -> None:
    loop, signals = asyncio.get_running_loop(), list[str]()

    def hear(signal: Signal) -> None:
        signals.append(signal.kind)

    def act(agent: sync.Agent | sync.Supervisor, server: Makima) -> None:
        agent.on("timeout", hear)
        with agent:
            loop.call_soon_threadsafe(server.away.set)
            assert agent.lost.wait(PATIENCE)
            for call in (agent.raise_if_lost, lambda: agent.ask("Which one?")):
                with pytest.raises(AgentLostError):
                    call()

    async with makima(answers_503=True) as server:
        to = Connection(url=server.url)
        agent = sync.Supervisor("c1", to, daemon_id="d1") if supervises else sync.Agent("c1", "builder", to)
        with pytest.raises(AgentLostError) as lost:
            await asyncio.to_thread(act, agent, server)
    assert (lost.value.because, agent.lost_because, signals) == ("timeout", "timeout", ["timeout"])
    assert set(server.heard) <= {"heartbeat"}
