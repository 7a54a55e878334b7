"""The handlers of an agent without asyncio, and the thread of its own that it lives in."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import makima_sdk
import orjson
import pytest
from makima_kernel.testing import PATIENCE
from makima_local import ports
from makima_sdk import Connection, Signal, sync
from makima_sdk.loop_thread import LoopThread

from tests.sdk.http_server import body_server

OK = '{"status": "ok", "interval_seconds": 0.01, "timeout_seconds": 120}'


FOR_ASYNCIO_ALONE = {
    "deliver_earlier",  # entering does it
    "requests",  # a client of asyncio
}


@pytest.mark.parametrize(
    ("asyncio_face", "face"),
    [(makima_sdk.Agent, sync.Agent), (makima_sdk.Supervisor, sync.Supervisor)],
    ids=["agent", "supervisor"],
)
def test_each_face_has_what_the_other_has(asyncio_face: type, face: type) -> None:
    """`lost` is set in its constructor."""
    there = {name for name in dir(asyncio_face) if not name.startswith("_")}
    assert there - FOR_ASYNCIO_ALONE - set(dir(face)) == {"lost"}


def test_a_supervisor_without_asyncio_is_the_one_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {"MAKIMA_URL": "http://127.0.0.1:1", "MAKIMA_CONTRACT": "c1", "MAKIMA_CONNECTION_ID": "k1"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    supervisor = sync.Supervisor.default()
    assert (supervisor.connection_id, supervisor.undelivered, supervisor.restored) == ("k1", 0, None)


async def test_a_handler_without_asyncio_may_call_its_agent_and_block() -> None:
    steps: list[str] = []
    goes_on = threading.Event()
    told: list[object] = []

    def reply(path: str, body: bytes) -> tuple[int, str]:
        if path.endswith("/messages"):
            steps.append(orjson.loads(body)["content"])
        if path.endswith("/join"):
            return 200, OK
        if not told:
            told.append("asked")
            return 200, OK.replace("ok", "rejoin_required")
        if path.endswith("/heartbeat") and steps:
            goes_on.set()  # it beats on while its handler waits for that
        return 200, OK

    def work(url: str) -> None:
        agent = sync.Agent("c1", "builder", Connection(url=url))
        handled = threading.Event()

        def handle(_signal: Signal) -> None:
            agent.raise_if_lost()
            agent.step("told")
            told.append(goes_on.wait(PATIENCE))
            handled.set()

        agent.on("rejoin_required", handle)
        with agent:
            handled.wait(PATIENCE)

    port = ports.free()
    async with body_server(port, reply):
        await asyncio.to_thread(work, f"http://127.0.0.1:{port}")
    assert (steps, told) == (["told"], ["asked", True])


def test_a_call_in_the_agents_own_thread_does_not_wait_for_itself() -> None:
    thread = LoopThread("a thread")

    async def nothing() -> None: ...

    def waiting() -> None:
        called: Coroutine[Any, Any, None] = nothing()
        thread.run(called)

    assert thread.call(lambda: thread.call(lambda: 1)) == 1
    with pytest.raises(RuntimeError, match="make the handler a plain function"):
        thread.call(waiting)
    thread.close()
    with pytest.raises(RuntimeError, match="the agent has ended"):
        waiting()
