"""Guarantee 2, after a restore, for all that we ship: `makima ledger new-epoch` puts everybody on the log as
it is now (R2b).
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import asyncpg
import httpx
import nats as nats_py
import orjson
import pytest
from asyncpg.exceptions import ObjectInUseError
from makima_kernel.credentials import hash_of
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.projections.projection import Projection
from makima_kernel.projections.rebuild import rebuild
from makima_kernel.testing import eventually
from makima_local import ports
from makima_local.postgres import Postgres
from makima_local.processes import Program, Runner
from websockets.asyncio.client import ClientConnection, connect

from tests.contracts_in_the_log import create_contracts
from tests.forked_processes import forked_programs
from tests.guarantees.read_models import OURS, rows
from tests.plain_http import plain_client
from tests.servers import BUDGET
from tests.services.gateway.harness import ADMIN, authenticated_client
from tests.services.stale_detector.harness import Fleet, LogReader

SERVICES = ("contract", "supervisor_heartbeat", "completion_detector", "stale_detector", "gateway")
WITH_EVERYBODY_CUT_OFF = """
alter database "{name}" with allow_connections false;
select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}';
"""


@dataclass
class System:
    """All five services as processes, on a database that can be put back."""

    admin: asyncpg.Connection
    name: str
    env: dict[str, str]
    runner: Runner
    folder: Path
    health: dict[str, int] = field(default_factory=lambda: {service: ports.free() for service in SERVICES})
    port: int = field(default_factory=ports.free)

    @property
    def http(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.port}/api/v1"

    async def start(self) -> None:
        for service in SERVICES:
            health = self.health[service]
            env = {**self.env, "MAKIMA_HEALTH_PORT": str(health), "MAKIMA_PORT": str(self.port)}
            command = (sys.executable, "-m", f"makima_{service}")
            self.runner.start(
                Program(service, command, self.folder, self.folder / f"{service}.log", health, env)
            )

    async def copy(self, source: str, target: str) -> None:
        """As a backup is made, and brought back."""
        async with asyncio.timeout(60):
            while True:
                await self.admin.execute(WITH_EVERYBODY_CUT_OFF.format(name=source))
                try:
                    await self.admin.execute(f'create database "{target}" template "{source}"')
                    break
                except ObjectInUseError:
                    continue  # somebody is just being cut off
        await self.admin.execute(f'alter database "{source}" with allow_connections true')

    async def back_up(self) -> None:
        await self.copy(self.name, f"{self.name}_backup")

    async def restore(self) -> None:
        await self.admin.execute(WITH_EVERYBODY_CUT_OFF.format(name=self.name))
        await self.admin.execute(f'drop database "{self.name}" with (force)')
        await self.copy(f"{self.name}_backup", self.name)

    async def said_by_health(self) -> str:
        async with plain_client(timeout=10) as client:
            answers = [
                await client.get(f"http://{ports.LOOPBACK}:{port}/healthz") for port in self.health.values()
            ]
        return " ".join(answer.text for answer in answers if answer.status_code == 503)

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


@pytest.fixture
async def system(
    postgres_server: Postgres, database: str, nats_url: str, tmp_path: Path
) -> AsyncGenerator[System]:
    admin = await asyncpg.connect(postgres_server.dsn())
    name = urlsplit(database).path.removeprefix("/")
    env = {
        "MAKIMA_DATABASE_URL": database,
        "MAKIMA_NATS_URL": nats_url,
        "MAKIMA_STREAM_BUDGET": str(BUDGET),
        "MAKIMA_ADMIN_TOKEN_SHA256": hash_of(ADMIN).hex(),
        "MAKIMA_CONTRACTS__HEARTBEAT_INTERVAL_SECONDS": "0.3",
    }
    with forked_programs():
        async with Runner(patience=5.0) as runner:
            yield System(admin, name, env, runner, tmp_path)
    await admin.execute(f'drop database if exists "{name}_backup" with (force)')
    await admin.close()


@asynccontextmanager
async def speaking(system: System) -> AsyncGenerator[httpx.AsyncClient]:
    async with authenticated_client(ADMIN, system.http) as client:
        client.timeout = 30
        yield client


async def told(client: httpx.AsyncClient, path: str, **body: object) -> dict[str, object]:
    """The answer, once there is one: a database that was cut off is away for a moment."""
    key = os.urandom(8).hex()

    async def answered() -> dict[str, object]:
        answer = await client.post(path, json=body, headers={"Idempotency-Key": key})
        assert answer.is_success, answer.text
        return cast("dict[str, object]", answer.json())

    return await eventually(answered)


async def a_reset(socket: ClientConnection) -> dict[str, object]:
    async with asyncio.timeout(60):
        while True:
            message = cast("dict[str, object]", orjson.loads(await socket.recv()))
            if message["type"] == "reset":
                return message


@pytest.mark.parametrize("meanwhile", ["running", "stopped"])
async def test_everybody_follows_the_log_that_was_brought_back(
    system: System, nats_url: str, meanwhile: str
) -> None:
    nats = await nats_py.connect(nats_url)
    async with asyncpg.create_pool(system.env["MAKIMA_DATABASE_URL"], min_size=1, max_size=2) as pool:
        await provision(nats, Log(pool), budget=BUDGET)
        await create_contracts(pool, ["c0"])
    await system.start()
    await system.runner.ready()
    async with speaking(system) as client, Fleet(nats, ["t0"]).beating() as fleet:
        kept = await told(client, "/contracts", name="kept", auto_complete_enabled=False)
        await system.back_up()
        await system.runner.ready()
        lost = await told(client, "/contracts", name="lost")
        for action in ("start", "pause", "resume"):
            await told(client, f"/contracts/{kept['id']}/{action}")
        if meanwhile == "stopped":
            await system.runner.stop(*SERVICES)
            await system.restore()
            await system.start()
        else:
            await system.restore()
        await eventually(lambda: names_the_command(system), 60, because="nobody said what to do")
        await eventually(lambda: answers(client), 60)
        async with connect(
            f"{system.http.replace('http', 'ws', 1)}/contracts/monitor?token={ADMIN}"
        ) as socket:
            epoch = await system.new_epoch()
            assert (await a_reset(socket))["epoch"] == epoch
        await system.runner.ready()
        assert (await client.get(f"/contracts/{lost['id']}")).status_code == 404
        after = (await client.get(f"/contracts/{kept['id']}")).json()
        assert (after["status"], after["version"]) == ("created", 1)
        await told(client, f"/contracts/{kept['id']}/start")
        async with asyncpg.create_pool(system.env["MAKIMA_DATABASE_URL"], min_size=1, max_size=4) as pool:
            await eventually(
                lambda: registered(pool), 60, because="a supervisor that beats is not registered in this log"
            )
            fleet.dead |= {"t0", "d1"}
            await every_read_model_is_the_fold(pool)
            await the_stream_is_the_log(pool, nats_url)
    await nats.close()


async def answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/contracts")).is_success
    except httpx.TransportError:
        return False


async def names_the_command(system: System) -> bool:
    try:
        return "makima ledger new-epoch" in await system.said_by_health()
    except httpx.TransportError:
        return False


async def registered(pool: asyncpg.Pool) -> bool:
    return "t0" in {each.entity_id for each in await LogReader(Log(pool)).all("SupervisorRegistered")}


async def every_read_model_is_the_fold(pool: asyncpg.Pool) -> None:
    """What the services have made of it is what a rebuild makes of it, once they are through."""
    for projection in OURS:
        await eventually(
            partial(is_the_fold, pool, projection),
            every=0.5,
            because=f"{projection.name} shows what is not in the log",
        )


async def is_the_fold(pool: asyncpg.Pool, projection: Projection) -> bool:
    log = Log(pool)
    position = await pool.fetchval(
        "select position from event_log.checkpoints where consumer = $1 order by generation", projection.name
    )
    if position != await log.head():
        return False
    before = await rows(pool, projection)
    await rebuild(projection, pool, log)
    return await rows(pool, projection) == before


async def the_stream_is_the_log(pool: asyncpg.Pool, nats_url: str) -> None:
    client = await nats_py.connect(nats_url)
    jetstream = client.jetstream()

    async def filled() -> bool:
        return (await jetstream.stream_info("MAKIMA_EVENTS")).state.last_seq == await Log(pool).head()

    await eventually(filled)
    for event in await Log(pool).after(0):
        stored = await jetstream.get_msg("MAKIMA_EVENTS", event.position)
        assert (stored.headers or {})["Nats-Msg-Id"] == str(event.event_id)
    await client.close()
