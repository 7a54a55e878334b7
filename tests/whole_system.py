"""All five services as processes of their own, in as many replicas as wanted, on a database that can be put back."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import orjson
from asyncpg.exceptions import ObjectInUseError
from makima_kernel.credentials import hash_of
from makima_kernel.testing import PATIENCE, eventually
from makima_local import ports
from makima_local.probe import ask, unhealthy
from makima_local.processes import Program, Runner

from tests.forked_processes import forked_programs
from tests.plain_http import plain_client
from tests.servers import BUDGET
from tests.services.gateway.harness import ADMIN

SERVICES = ("contract", "supervisor_heartbeat", "completion_detector", "stale_detector", "gateway")
WITH_EVERYBODY_CUT_OFF = """
alter database "{name}" with allow_connections false;
select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}';
"""


@dataclass
class WholeSystem:
    """A program's name is its service's, and `-1`, `-2`, … for further replicas."""

    admin_dsn: str
    name: str  # of the database
    env: dict[str, str]
    runner: Runner
    folder: Path
    replicas: int = 1
    health: dict[str, int] = field(default_factory=dict[str, int])
    ports: dict[str, int] = field(default_factory=dict[str, int])  # of the gateways
    # The interpreter of programs whose code is another checkout's.
    pythons: dict[str, Path] = field(default_factory=dict[str, Path])

    def __post_init__(self) -> None:
        for service in SERVICES:
            for number in range(self.replicas):
                name = f"{service}-{number}" if number else service
                self.health[name] = ports.free()
                if service == "gateway":
                    self.ports[name] = ports.free()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.health)

    @property
    def urls(self) -> list[str]:
        """Of every gateway."""
        return [f"http://{ports.LOOPBACK}:{port}" for port in self.ports.values()]

    @property
    def http(self) -> str:
        return f"{self.urls[0]}/api/v1"

    @property
    def database(self) -> str:
        return self.env["MAKIMA_DATABASE_URL"]

    @property
    def nats_url(self) -> str:
        return self.env["MAKIMA_NATS_URL"]

    def start(self, *names: str) -> None:
        """These programs, or all."""
        for name in names or self.names:
            self.runner.start(self._program(name))

    def _program(self, name: str) -> Program:
        service = name.partition("-")[0]
        port = {"MAKIMA_PORT": str(self.ports[name])} if name in self.ports else {}
        env = {**self.env, "MAKIMA_HEALTH_PORT": str(self.health[name]), **port}
        command = (str(self.pythons.get(name, sys.executable)), "-m", f"makima_{service}")
        return Program(name, command, self.folder, self.folder / f"{name}.log", self.health[name], env)

    async def killed(self, name: str) -> float:
        """Kills the program's process; after how many seconds the next one was ready."""
        before = self.runner.pids[name]
        began = time.monotonic()
        self.runner.send(name, signal.SIGKILL)
        await eventually(lambda: self.runner.pids.get(name, before) != before, because=f"{name} stays away")
        await self.ready(name)
        return time.monotonic() - began

    async def ready(self, *names: str, timeout: float = PATIENCE) -> None:
        for name in names or self.names:

            async def is_ready(name: str = name) -> bool:
                why = await self.unready(name)
                assert why is None, why
                return True

            await eventually(is_ready, timeout, because=f"{name} does not become ready")

    async def unready(self, name: str) -> str | None:
        """Why it is not ready. Another checkout's program may be older than `/healthz`."""
        if name in self.pythons:
            status, body = await ask(self.health[name], "/readyz") or (None, "silent")
            return None if status == 200 else body
        return await unhealthy(self.health[name])

    async def said_by_health(self) -> str:
        async with plain_client(timeout=10) as client:
            answers = [
                await client.get(f"http://{ports.LOOPBACK}:{port}/healthz") for port in self.health.values()
            ]
        return " ".join(answer.text for answer in answers if answer.status_code == 503)

    async def back_up(self) -> None:
        await self._copy(self.name, f"{self.name}_backup")

    async def restore(self) -> None:
        admin = await asyncpg.connect(self.admin_dsn)
        await admin.execute(WITH_EVERYBODY_CUT_OFF.format(name=self.name))
        await admin.execute(f'drop database "{self.name}" with (force)')
        await admin.close()
        await self._copy(f"{self.name}_backup", self.name)

    async def forget_backup(self) -> None:
        admin = await asyncpg.connect(self.admin_dsn)
        await admin.execute(f'drop database if exists "{self.name}_backup" with (force)')
        await admin.close()

    async def _copy(self, source: str, target: str) -> None:
        """As a backup is made, and brought back."""
        admin = await asyncpg.connect(self.admin_dsn)
        async with asyncio.timeout(PATIENCE):
            while True:
                await admin.execute(WITH_EVERYBODY_CUT_OFF.format(name=source))
                try:
                    await admin.execute(f'create database "{target}" template "{source}"')
                    break
                except ObjectInUseError:
                    continue  # somebody is just being cut off
        await admin.execute(f'alter database "{source}" with allow_connections true')
        await admin.close()

    async def new_epoch(self) -> str:
        """On the command line, as `/healthz` says."""
        arguments = ("-m", "makima_cli.main", "ledger", "new-epoch", "--format", "json")
        env = {**os.environ, **self.env, "XDG_CONFIG_HOME": str(self.folder)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=env, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        return str(orjson.loads(out)["epoch"])


@asynccontextmanager
async def whole_system(
    admin_dsn: str,
    database: str,
    nats_url: str,
    folder: Path,
    *,
    replicas: int = 1,
    cold: bool = False,
    env: Mapping[str, str] | None = None,
) -> AsyncGenerator[WholeSystem]:
    """Nothing runs on entry, everything is stopped on exit. `env`: further settings of all services.

    `cold`: each program imports what it needs, as in a user's hands, instead of being forked from one that has.
    """
    settings = {
        "MAKIMA_DATABASE_URL": database,
        "MAKIMA_NATS_URL": nats_url,
        "MAKIMA_STREAM_BUDGET": str(BUDGET),
        "MAKIMA_ADMIN_TOKEN_SHA256": hash_of(ADMIN).hex(),
        **(env or {}),
    }
    name = urlsplit(database).path.removeprefix("/")
    with nullcontext() if cold else forked_programs():
        async with Runner(patience=5.0) as runner:
            yield WholeSystem(admin_dsn, name, settings, runner, folder, replicas)
