"""Whoever saw that the gateway is ready can connect: no probe and no client has to try again."""

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import pytest
import uvicorn
from makima_gateway import app as gateway
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_local import ports
from nats.aio.client import Client

from tests.plain_http import plain_client
from tests.servers import BUDGET


async def test_the_gateway_is_started_only_once_its_port_listens(
    settings: Settings, pool: asyncpg.Pool, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await provision(nats, Log(pool), budget=BUDGET)
    reached, may_listen = asyncio.Event(), asyncio.Event()
    startup = uvicorn.Server.startup

    async def late(self: uvicorn.Server, *arguments: object) -> None:
        reached.set()
        await may_listen.wait()
        await startup(self, *arguments)  # pyright: ignore[reportArgumentType] - its own arguments

    monkeypatch.setattr(uvicorn.Server, "startup", late)
    made: list[Service] = []

    async def build(service: Service) -> None:
        made.append(service)
        await gateway.build(service)

    own = settings.model_copy(update={"port": ports.free()})
    async with AsyncExitStack() as life, plain_client() as client:
        starting = asyncio.create_task(life.enter_async_context(Service.running(gateway.NAME, own, build)))
        await reached.wait()
        status, body = await made[0].health.readiness()
        assert status == 503
        assert "does not listen yet: http" in str(body["failing"])
        assert not starting.done()
        may_listen.set()
        await starting
        assert (await client.get(f"http://127.0.0.1:{own.port}/livez")).status_code == 200
