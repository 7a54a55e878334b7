"""Guarantee 2, after a restore, for all that we ship: `makima ledger new-epoch` puts everybody on the log as
it is now (R2b).
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import cast

import asyncpg
import httpx
import nats as nats_py
import orjson
import pytest
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.projections.projection import Projection
from makima_kernel.projections.rebuild import rebuild
from makima_kernel.testing import eventually
from makima_local.postgres import Postgres
from websockets.asyncio.client import ClientConnection, connect

from tests.contracts_in_the_log import create_contracts
from tests.guarantees.read_models import OURS, rows
from tests.servers import BUDGET
from tests.services.gateway.harness import ADMIN, authenticated_client
from tests.services.stale_detector.harness import Fleet, LogReader
from tests.whole_system import WholeSystem, whole_system


@pytest.fixture
async def system(
    postgres_server: Postgres, database: str, nats_url: str, tmp_path: Path
) -> AsyncGenerator[WholeSystem]:
    interval = {"MAKIMA_CONTRACTS__HEARTBEAT_INTERVAL_SECONDS": "0.3"}
    async with whole_system(postgres_server.dsn(), database, nats_url, tmp_path, env=interval) as made:
        yield made
    await made.forget_backup()


@asynccontextmanager
async def speaking(system: WholeSystem) -> AsyncGenerator[httpx.AsyncClient]:
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
    system: WholeSystem, nats_url: str, meanwhile: str
) -> None:
    nats = await nats_py.connect(nats_url)
    async with asyncpg.create_pool(system.database, min_size=1, max_size=2) as pool:
        await provision(nats, Log(pool), budget=BUDGET)
        await create_contracts(pool, ["c0"])
    system.start()
    await system.runner.ready()
    async with speaking(system) as client, Fleet(nats, ["t0"]).beating() as fleet:
        kept = await told(client, "/contracts", name="kept", auto_complete_enabled=False)
        await system.back_up()
        await system.runner.ready()
        lost = await told(client, "/contracts", name="lost")
        for action in ("start", "pause", "resume"):
            await told(client, f"/contracts/{kept['id']}/{action}")
        if meanwhile == "stopped":
            await system.runner.stop(*system.names)
            await system.restore()
            system.start()
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
        async with asyncpg.create_pool(system.database, min_size=1, max_size=4) as pool:
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


async def names_the_command(system: WholeSystem) -> bool:
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
