"""A machine with a daemon, inside the test's process, before real services."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import cast
from uuid import uuid4

import orjson
import psutil
from makima_daemon import app
from makima_daemon.app import Pace, Ready
from makima_daemon.config import AgentCommand, Config
from makima_daemon.restart_policy import RestartPolicy
from makima_daemon.workspace import Workspace
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas import subjects
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatusChanged
from makima_schemas.codec import Event, decode
from makima_schemas.contract.events import ContractAssigned
from makima_schemas.identity import agent_id
from makima_sdk.connection import Connection
from nats.aio.client import Client

from tests.services.gateway.harness import Gateways, authenticated_client, created
from tests.services.gateway.tokens import issue_token

PROGRAM = Path(__file__).parent / "agent_program.py"
QUICK = Pace(RestartPolicy((0.01, 0.02, 0.03)), grace=2.0, interval=1.0)
ROLES = ("steady", "fails", "fails-once-mended", "leaves", "finishes")


def command(what: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", str(PROGRAM), what)


@dataclass
class Machine:
    """`daemon_id` is new for each test, and so are its contracts."""

    gateways: Gateways
    nats: Client
    connection: Connection
    folder: Path
    daemon_id: str
    commands: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {role: command(role) for role in ROLES}
    )
    capacity: int = 4
    repository: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def config(self) -> Config:
        agents = {
            role: AgentCommand(command=line, env=dict(self.env)) for role, line in self.commands.items()
        }
        return Config(
            daemon_id=self.daemon_id,
            capacity=self.capacity,
            workspace=self.folder,
            repository=self.repository,
            agents=agents,
        )

    @property
    def workspace(self) -> Workspace:
        return Workspace.open(self.folder, self.daemon_id)

    @asynccontextmanager
    async def daemon(self, pace: Pace = QUICK, connection: Connection | None = None) -> AsyncGenerator[Ready]:
        """Running inside the block, drained after it."""
        stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
        running = asyncio.create_task(
            app.run(
                self.config, connection or self.connection, stop=stop, on_ready=ready.set_result, pace=pace
            )
        )
        await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        try:
            yield ready.result()
        finally:
            stop.set()
            async with asyncio.timeout(PATIENCE):
                await running

    async def contract(self) -> str:
        """A new one, which is this daemon's."""
        contract_id = str((await created(self.gateways.clients[0]))["id"])
        await self.gateways.append(f"contract-{contract_id}", ContractAssigned(self.daemon_id, "placed"))
        url = str(self.gateways.clients[0].base_url)
        async with authenticated_client(self.connection.token, url) as client:

            async def visible() -> bool:
                return (await client.get(f"/contracts/{contract_id}")).status_code == 200

            await eventually(visible)
        return contract_id

    async def say(self, kind: str, **body: object) -> dict[str, object]:
        """A signal to the daemon, and its reply."""
        reply = await self.nats.request(
            subjects.daemon_signal(self.daemon_id, kind), orjson.dumps(body), timeout=PATIENCE
        )
        return cast("dict[str, object]", orjson.loads(reply.data))

    async def started(self, role: str, contract_id: str | None = None) -> str:
        """Ask for an agent; its contract."""
        contract_id = contract_id or await self.contract()
        body = {"contract_type": "simple", "phase": "plan", "contract_id": contract_id, "role": role}
        assert await self.say("start", **body) == {"accepted": True}
        return contract_id

    async def events(self, contract_id: str, role: str) -> list[Event]:
        recorded = await self.gateways.log.stream("default", f"agent-{agent_id(contract_id, role)}")
        return [decode(each.type, each.schema, each.data) for each in recorded]

    async def statuses(self, contract_id: str, role: str) -> list[str]:
        """All that the agent went through, as its log tells it; attempts to restart it one after the other are one."""
        found = [str(_status(each)) for each in await self.events(contract_id, role)]
        return [new for old, new in pairwise(["", *found]) if (old, new) != ("restarting", "restarting")]

    async def until(self, contract_id: str, role: str, *statuses: str) -> None:
        async def there() -> bool:
            found = await self.statuses(contract_id, role)
            assert found == list(statuses), found
            return True

        await eventually(there, because=f"{role} has not gone through {statuses}")

    def processes(self, contract_id: str) -> list[psutil.Process]:
        """That run for this contract, as the system knows them."""
        return [process for process, _ in self._running(contract_id)]

    def by_role(self, contract_id: str) -> dict[str, psutil.Process]:
        """The same, by the role in which they run."""
        return {environ["MAKIMA_ROLE"]: process for process, environ in self._running(contract_id)}

    def _running(self, contract_id: str) -> Iterator[tuple[psutil.Process, dict[str, str]]]:
        for process in psutil.process_iter():
            with suppress(psutil.Error):  # it has just ended
                environ = process.environ()
                if environ.get("MAKIMA_CONTRACT") == contract_id:
                    yield process, environ

    async def one_process(self, contract_id: str, *, other_than: int = 0) -> int:
        """The pid of the only process of the contract, once that is another one."""

        def there() -> int:
            found = [each.pid for each in self.processes(contract_id)]
            assert len(found) <= 1, found
            return found[0] if found and found[0] != other_than else 0

        return await eventually(there, because="there is no new process")

    def environment(self, contract_id: str) -> dict[str, str]:
        """Of the newest process of the contract, as it saw it."""
        return json.loads((self.folder / "worktrees" / contract_id / "environment.json").read_text())

    def log_events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.workspace.own_log.read_text().splitlines()]


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def _status(event: Event) -> str:
    match event:
        case AgentJoined() | AgentStatusChanged():
            return event.new_status.value
        case AgentLeft():
            return "offline"
        case _:
            return type(event).__name__


@asynccontextmanager
async def daemon_process(machine: Machine) -> AsyncGenerator[tuple[Process, dict[str, object]]]:
    """`makima daemon start`, and what it says when it is ready; killed after the block."""
    config = machine.folder.parent / "daemon.toml"
    lines = [f"[agents.{role}]\ncommand = {json.dumps(line)}" for role, line in machine.commands.items()]
    head = (
        f'daemon_id = "{machine.daemon_id}"\ncapacity = {machine.capacity}\nworkspace = "{machine.folder}"\n'
    )
    config.write_text(head + "\n".join(lines))
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MAKIMA_")},
        "MAKIMA_URL": machine.connection.url,
        "MAKIMA_NATS_URL": machine.connection.nats_url,
        "MAKIMA_TOKEN": str(machine.connection.token),
    }
    arguments = ("-m", "makima_cli.main", "daemon", "start", "--config", str(config), "--format", "json")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=env, cwd=config.parent, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            line = await process.stdout.readline()
        yield process, json.loads(line)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def machine_of(gateways: Gateways, nats: Client, nats_url: str, folder: Path) -> Machine:
    daemon_id = f"d-{uuid4().hex[:8]}"
    token = await issue_token(gateways.clients[0], "daemon", daemon_id=daemon_id)
    url = str(gateways.clients[0].base_url).removesuffix("/api/v1/")
    return Machine(gateways, nats, Connection(url, nats_url, str(token["token"])), folder, daemon_id)
