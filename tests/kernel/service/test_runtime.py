"""A service opens what it needs, is ready only when all of it works, and drains when it is told to stop."""

import asyncio
from pathlib import Path
from typing import cast
from uuid import uuid4

import asyncpg
import pytest
from makima_kernel.bus import topology
from makima_kernel.bus.asking import Bus
from makima_kernel.bus.commands import CommandRouter
from makima_kernel.bus.topology import TopologyError
from makima_kernel.log.read import Log
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_schemas import subjects
from makima_schemas.commands import Accepted, Request
from nats.aio.client import Client

from tests.kernel.bus.lamp import SwitchOn, lamps


@pytest.fixture
def settings(database: str, nats_url: str) -> Settings:
    return Settings(database_url=database, nats_url=nats_url)


@pytest.fixture
async def provisioned(pool: asyncpg.Pool, nats: Client) -> Client:
    await topology.provision(nats, Log(pool), budget=0.02)
    return nats


async def build(service: Service) -> None:
    router = CommandRouter("lamp")
    router.command(SwitchOn, lamps(service.log, service.appender).handle)
    service.include(router)


async def test_a_service_answers_commands_and_its_events_reach_the_stream(settings: Settings, provisioned: Client) -> None:
    arrived: asyncio.Queue[str] = asyncio.Queue()

    async def heard(message: object) -> None:
        await arrived.put(message.subject)  # pyright: ignore - nats-py's Msg

    await provisioned.subscribe(subjects.EVENTS, cb=heard)
    async with Service.running("lamp", settings, build) as service:
        reply = await Bus(provisioned).ask("lamp", "switch_on", Request(uuid4(), "l1", {"hostname": "h"}))
        assert reply == Accepted(1, 1)
        async with asyncio.timeout(5):
            assert await arrived.get() == "makima.events.daemon.l1.DaemonConnected"
        status, body = await service.health.readiness()
        assert status == 200, body


async def test_a_service_on_a_broker_without_our_streams_refuses_to_start(settings: Settings) -> None:
    with pytest.raises(TopologyError, match="is missing"):
        async with Service.running("lamp", settings, build):
            pass


async def test_a_loop_that_raises_ends_the_service(settings: Settings, provisioned: Client) -> None:
    async def broken() -> None:
        raise RuntimeError("a bug")

    async def build_broken(service: Service) -> None:
        service.loop("broken", broken)

    with pytest.raises(BaseExceptionGroup, match="unhandled errors"):
        async with Service.running("lamp", settings, build_broken):
            await asyncio.Event().wait()


async def test_a_service_watches_the_disk_of_its_data_folder(settings: Settings, provisioned: Client, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    async with Service.running("lamp", settings.model_copy(update={"data_dir": gone}), build) as service:
        _, body = await service.health.readiness()
    assert "disk" in cast("dict[str, str]", body["failing"])
