"""While makima is away, agents go on; what happened to them is told in order when it is back."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from makima_daemon import calls
from makima_daemon.calls import Calls
from makima_kernel.testing import eventually
from makima_sdk.http import Http

from tests.daemon.machine import Machine, kill
from tests.sdk.proxy import Proxy

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("daemon agents")]


@pytest_asyncio.fixture(loop_scope="module")
async def lines(machine: Machine) -> AsyncIterator[tuple[Proxy, Proxy]]:
    """To the gateway, and to the broker."""
    made = tuple(
        Proxy(int(url.rsplit(":", 1)[1])) for url in (machine.connection.url, machine.connection.nats_url)
    )
    servers = [await line.serve() for line in made]
    yield made[0], made[1]
    for line in made:
        line.cut()
    for server in servers:
        server.close()


async def test_agents_go_on_and_a_crash_is_told_when_makima_is_back(
    machine: Machine, lines: tuple[Proxy, Proxy]
) -> None:
    http, broker = lines
    through = replace(
        machine.connection,
        url=f"http://127.0.0.1:{http.port}",
        nats_url=f"nats://127.0.0.1:{broker.port}",
    )
    machine.commands["sleeper"] = ("sleep", "300")
    async with machine.daemon(connection=through):
        contract = await machine.contract()
        await machine.started("steady", contract)
        await machine.started("sleeper", contract)
        await machine.until(contract, "steady", "ready")
        await eventually(lambda: machine.by_role(contract).keys() == {"steady", "sleeper"})
        crashing, staying = (machine.by_role(contract)[role] for role in ("steady", "sleeper"))
        http.take_away()
        broker.take_away()
        kill(crashing.pid)
        await eventually(lambda: not psutil.pid_exists(crashing.pid))
        assert os.getpgid(staying.pid) == staying.pid
        assert await machine.statuses(contract, "steady") == ["ready"]
        http.bring_back()
        broker.bring_back()
        await machine.until(contract, "steady", "ready", "restarting", "ready")
        assert staying.is_running()


async def test_one_that_is_asked_for_while_it_leaves_starts_when_it_has_left(
    machine: Machine, lines: tuple[Proxy, Proxy], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level("INFO", "makima_daemon")
    http, _ = lines
    machine.commands["builder"] = ("sh", "-c", f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done")
    through = replace(machine.connection, url=f"http://127.0.0.1:{http.port}")
    async with machine.daemon(connection=through):
        contract = await machine.started("builder")
        first = await machine.one_process(contract)
        http.take_away()
        (tmp_path / "go").touch()
        await eventually(lambda: "agent.left" in caplog.messages)  # and now it waits until makima hears it
        (tmp_path / "go").unlink()
        await machine.started("builder", contract)
        http.bring_back()
        await machine.one_process(contract, other_than=first)


class Answers:
    """A server that answers each request by the next of `statuses`, and notes the idempotency keys."""

    def __init__(self, *statuses: int) -> None:
        self.keys: list[str] = []
        self._statuses = list(statuses)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        (key,) = (each for each in head.splitlines() if each.lower().startswith("idempotency-key:"))
        self.keys.append(key)
        body = b'{"token": "t"}'
        line = (
            f"HTTP/1.1 {self._statuses.pop(0)} x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(line.encode() + body)
        writer.close()


async def test_a_report_is_repeated_under_one_key_and_a_token_asked_for_under_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A token is shown once: makima refuses the key of one whose answer was lost."""
    monkeypatch.setattr(calls, "AWAY_RETRY_SECONDS", 0.0)
    server = Answers(502, 429, 200, 502, 200)
    async with (
        await asyncio.start_server(server.answer, "127.0.0.1", 0) as listening,
        Http(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", retry_for=0) as http,
    ):
        asked = Calls(http, "d1")
        await asked.leave("c1", "builder", "k1")
        assert (len(server.keys), len(set(server.keys))) == (3, 1)
        assert await asked.token("c1", "builder", "k1") == "t"
        assert len(set(server.keys[3:])) == 2
