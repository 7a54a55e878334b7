"""The command as users and scripts run it, against a gateway of this test."""

import asyncio
import json
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import uuid4

import asyncpg
import orjson
import pytest
import structlog
from click.testing import CliRunner
from makima_cli.main import main
from makima_kernel.service.settings import Settings
from makima_kernel.telemetry import logs
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from nats.aio.client import Client

from tests.cli.up_process import SERVICE, Begin, Ready, Up, start
from tests.installed import install_service
from tests.services.gateway.harness import ADMIN, Gateways, running


@dataclass(frozen=True)
class Ran:
    exit: int
    out: str
    err: str

    @property
    def json(self) -> object:
        """stdout, all of it, as one JSON value."""
        return orjson.loads(self.out)

    @property
    def problem(self) -> object:
        assert self.out == "", "on failure stdout is empty"
        return orjson.loads(self.err)


Makima = Callable[..., Awaitable[Ran]]
Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def gateways(database: str, nats_url: str, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Gateways]:
    settings = Settings(database_url=database, nats_url=nats_url, stream_budget=0.01)
    async with running(settings, pool, nats, admitting=True) as made:
        yield made


def environment(gateways: Gateways, nats_url: str, folder: Path, token: str) -> dict[str, str]:
    """Of a command whose user has nothing configured but this gateway."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKIMA_")}
    url = str(gateways.clients[0].base_url).removesuffix("/api/v1/")
    return {
        **clean,
        "XDG_CONFIG_HOME": str(folder),
        "MAKIMA_URL": url,
        "MAKIMA_NATS_URL": nats_url,
        "MAKIMA_TOKEN": token,
    }


@pytest.fixture
def environ(gateways: Gateways, nats_url: str, tmp_path: Path) -> dict[str, str]:
    return environment(gateways, nats_url, tmp_path, ADMIN)


@pytest.fixture
def makima(environ: dict[str, str]) -> Iterator[Makima]:
    """`await makima("contracts", "list")`: in this process, on a thread of its own, one at a time."""
    handlers, level = logging.getLogger().handlers, logging.getLogger().level
    logs.configure(
        "test", "critical", sys.__stderr__
    )  # the services here must not log into the command's stdout

    async def run(*arguments: str, **env: str) -> Ran:
        done = await asyncio.to_thread(
            CliRunner(env={**environ, **env}).invoke, main, arguments, catch_exceptions=False
        )
        return Ran(done.exit_code, done.stdout, done.stderr)

    yield run
    structlog.reset_defaults()
    logging.getLogger().handlers = handlers
    logging.getLogger().setLevel(level)


def hear_ctrl_c() -> None:
    """Where the tests themselves run in a shell's background, it has told its children to ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def process(environ: dict[str, str]) -> Start:
    """`await process("contracts", "monitor")`: a process of its own, as a shell starts it."""

    async def start(*arguments: str) -> Process:
        command = (sys.executable, "-m", "makima_cli.main", *arguments)
        return await asyncio.create_subprocess_exec(
            *command, env=environ, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, preexec_fn=hear_ctrl_c
        )

    return start


@pytest.fixture
def folder(server_folder: Path) -> Path:
    """Where the services, the data and the contexts of one test lie."""
    made = server_folder / f"up-{uuid4().hex[:8]}"
    for name in ("contract", "gateway"):
        install_service(made / "site", name, SERVICE)
    for name in ("completion_detector", "stale_detector", "supervisor_heartbeat"):
        install_service(made / "site", name, entry_point=False)
    made.chmod(0o711)
    return made


@pytest.fixture
async def begin(folder: Path) -> AsyncIterator[Begin]:
    """Starts a `makima up --json` and waits until it says that all is ready; whatever is left of it ends with
    the test.
    """
    started: list[Process] = []

    async def made(*arguments: str, **env: str) -> Up:
        where = () if "--ephemeral" in arguments else ("--data-dir", str(folder / "data"))
        ports = ("--port", "0", "--nats-port", "0")
        process = await start(folder, "--json", *where, *ports, *arguments, **env)
        started.append(process)
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        if not line:
            assert process.stderr is not None
            raise AssertionError((await process.stderr.read()).decode())
        return Up(process, cast("Ready", json.loads(line)))

    yield made
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()
    await Postgres(folder / "data" / "postgres").stop()
    await Nats(folder / "data" / "nats").stop()
