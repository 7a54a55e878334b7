"""While makima is away, agents go on; what happened to them is told in order when it is back."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import psutil
import pytest
import pytest_asyncio
from makima_kernel.testing import eventually
from makima_local import ports

from tests.daemon.machine import Machine, kill

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("daemon agents")]


class Line:
    """A TCP line to a server, which can be cut and mended."""

    def __init__(self, target: int) -> None:
        self.port = ports.free()
        self.up = True
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        self.up = False
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.up:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, far_writer}
        await asyncio.gather(_pumped(reader, far_writer), _pumped(far_reader, writer))


async def _pumped(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
    sink.close()


@pytest_asyncio.fixture(loop_scope="module")
async def lines(machine: Machine) -> AsyncIterator[tuple[Line, Line]]:
    """To the gateway, and to the broker."""
    made = tuple(
        Line(int(url.rsplit(":", 1)[1])) for url in (machine.connection.url, machine.connection.nats_url)
    )
    servers = [await asyncio.start_server(line.join, "127.0.0.1", line.port) for line in made]
    yield made[0], made[1]
    for line in made:
        line.cut()
    for server in servers:
        server.close()


async def test_agents_go_on_and_a_crash_is_told_when_makima_is_back(
    machine: Machine, lines: tuple[Line, Line]
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
        await eventually(lambda: len(machine.processes(contract)) == 2)
        crashing = next(
            each for each in machine.processes(contract) if each.environ()["MAKIMA_ROLE"] == "steady"
        )
        (staying,) = (each for each in machine.processes(contract) if each.pid != crashing.pid)
        http.cut()
        broker.cut()
        kill(crashing.pid)
        await eventually(lambda: not psutil.pid_exists(crashing.pid))
        assert os.getpgid(staying.pid) == staying.pid
        assert await machine.statuses(contract, "steady") == ["ready"]
        http.up = broker.up = True
        await machine.until(contract, "steady", "ready", "restarting", "ready")
        assert staying.is_running()
