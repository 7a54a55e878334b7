"""A service opens what it needs, is ready only when all of it works, and drains when it is told to stop."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import cast
from uuid import uuid4

import asyncpg
import pytest
from makima_kernel.commands.client import Bus
from makima_kernel.commands.router import CommandRouter
from makima_kernel.event_log.log import Log
from makima_kernel.nats import streams
from makima_kernel.nats.connection import confirm_subscriptions, connect
from makima_kernel.nats.streams import TopologyError
from makima_kernel.service import runtime
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import PATIENCE, eventually
from makima_local.nats import Nats
from makima_schemas import subjects
from makima_schemas.commands import Accepted, Request
from nats.aio.client import Client
from nats.errors import OutboundBufferLimitError

from tests.kernel.commands.toggle_aggregate import SwitchOn, toggle_decisions
from tests.kernel.event_log.append_builders import command, event
from tests.kernel.event_log.append_lock import BLOCKED, LOCK, UNLOCK


@pytest.fixture
async def provisioned(pool: asyncpg.Pool, nats: Client) -> Client:
    await streams.provision(nats, Log(pool), budget=0.02)
    return nats


async def build(service: Service) -> None:
    router = CommandRouter("toggle")
    router.command(SwitchOn, toggle_decisions(service.log, service.appender).handle)
    service.include(router)


async def test_a_service_answers_commands_and_its_events_reach_the_stream(
    settings: Settings, provisioned: Client
) -> None:
    arrived: asyncio.Queue[str] = asyncio.Queue()

    async def heard(message: object) -> None:
        await arrived.put(message.subject)  # pyright: ignore - nats-py's Msg

    await provisioned.subscribe(subjects.EVENTS, cb=heard)
    async with Service.running("toggle", settings, build) as service:
        reply = await Bus(provisioned).ask("toggle", "switch_on", Request(uuid4(), "l1", {"hostname": "h"}))
        assert reply == Accepted(1, 1)
        async with asyncio.timeout(PATIENCE):
            assert await arrived.get() == "makima.events.daemon.l1.DaemonConnected"
        status, body = await service.health.readiness()
        assert status == 200, body


async def test_a_service_is_not_ready_before_it_has_subscribed(
    settings: Settings, provisioned: Client
) -> None:
    built: list[tuple[int, dict[str, object]]] = []

    async def build_and_look(service: Service) -> None:
        await build(service)
        built.append(await service.health.readiness())

    async with Service.running("lamp", settings, build_and_look) as service:
        [(status, body)] = built
        assert status == 503
        assert "start" in cast("dict[str, str]", body["failing"])
        assert "start" not in cast("dict[str, str]", (await service.health.readiness())[1]["failing"])


async def test_a_service_is_not_ready_before_each_port_that_it_serves_listens(
    settings: Settings, provisioned: Client
) -> None:
    made: list[Service] = []
    may_listen = asyncio.Event()

    async def build_with_port(service: Service) -> None:
        listens = service.listens("http")

        async def serve() -> None:
            await may_listen.wait()
            listens.set()
            await asyncio.Event().wait()

        service.loop("http", serve)
        made.append(service)

    async with AsyncExitStack() as life:
        starting = asyncio.create_task(
            life.enter_async_context(Service.running("lamp", settings, build_with_port))
        )
        await eventually(lambda: made and made[0].nats.is_connected)
        assert await failing(made[0]) == "the service does not listen yet: http"
        assert not starting.done()
        may_listen.set()
        service = await starting
        assert await failing(service) is None
    assert await failing(service) == "the service is stopping"


async def failing(service: Service) -> str | None:
    """Why it is not started."""
    _, body = await service.health.readiness()
    return cast("dict[str, str]", body["failing"]).get("start")


async def test_a_service_that_stops_answers_what_it_has_begun(
    settings: Settings, provisioned: Client, pool: asyncpg.Pool
) -> None:
    async with AsyncExitStack() as life, pool.acquire() as holder:
        await holder.execute(LOCK)
        service = await life.enter_async_context(Service.running("toggle", settings, build))
        asked = asyncio.create_task(
            Bus(provisioned).ask("toggle", "switch_on", Request(uuid4(), "l1", {"hostname": "h"}))
        )
        await eventually(lambda: pool.fetchval(BLOCKED))
        stopping = asyncio.create_task(life.aclose())
        await eventually(lambda: service.stopping)
        await holder.execute(UNLOCK)
        assert await asked == Accepted(1, 1)
        await stopping
    [event] = await Log(pool).after(0)
    assert event.stream == "daemon-l1"


async def test_a_service_on_a_broker_without_our_streams_refuses_to_start(settings: Settings) -> None:
    with pytest.raises(TopologyError, match="is missing"):
        async with Service.running("toggle", settings, build):
            pass


async def test_a_loop_that_raises_ends_the_service(settings: Settings, provisioned: Client) -> None:
    async def broken() -> None:
        raise RuntimeError("a bug")

    async def build_broken(service: Service) -> None:
        service.loop("broken", broken)

    with pytest.raises(BaseExceptionGroup, match="unhandled errors"):
        async with Service.running("toggle", settings, build_broken):
            await asyncio.Event().wait()


async def test_a_service_watches_the_disk_of_its_data_folder(
    settings: Settings, provisioned: Client, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    async with Service.running("toggle", settings.model_copy(update={"data_dir": gone}), build) as service:
        (ready, shared), (healthy, body) = await service.health.readiness(), await service.health.condition()
    assert (ready, healthy) == (200, 503), "each replica's disk is the same"
    assert "disk" in cast("dict[str, str]", body["failing"])
    assert "disk" in cast("dict[str, str]", shared["shared"])


async def test_what_is_appended_while_the_broker_is_away_does_not_end_the_service(
    database: str, pool: asyncpg.Pool, make_nats: Callable[[], Awaitable[Nats]]
) -> None:
    server = await make_nats()
    nats = await connect(server.url, "test", on_closed=closed)
    await streams.provision(nats, Log(pool), budget=0.02)
    await nats.close()
    async with Service.running(
        "toggle", Settings(database_url=database, nats_url=server.url), build
    ) as service:
        await server.kill()
        await eventually(lambda: not service.nats.is_connected)
        for size in (100_000, 0):  # until the client holds as much as it is willing to, and not a byte less
            with suppress(OutboundBufferLimitError):
                while True:
                    await service.nats.publish("nobody", bytes(size))
        await service.appender.append(command("daemon-l1", event()))
        await server.start()
        async with asyncio.timeout(PATIENCE):
            while (await service.health.condition())[0] != 200:
                await confirm_subscriptions(service.nats)


async def closed() -> None:
    """The test closes it."""


async def test_a_cancellation_that_was_swallowed_is_repeated(
    settings: Settings, provisioned: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "STOP_TIMEOUT_SECONDS", (0.05, 5.0))
    cancelled = 0

    async def deaf() -> None:
        nonlocal cancelled
        while cancelled < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled += 1

    async def build_deaf(service: Service) -> None:
        service.loop("deaf", deaf)

    async with asyncio.timeout(PATIENCE), Service.running("toggle", settings, build_deaf):
        pass
    assert cancelled == 2


async def test_a_loop_that_does_not_end_keeps_nothing_else_from_draining(
    settings: Settings, provisioned: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "STOP_TIMEOUT_SECONDS", (0.05, 0.05))
    drained = asyncio.Event()

    async def deaf() -> None:
        while not drained.is_set():
            with suppress(asyncio.CancelledError):
                await drained.wait()

    async def build_deaf(service: Service) -> None:
        service.loop("deaf", deaf)

    async with asyncio.timeout(PATIENCE), Service.running("toggle", settings, build_deaf) as service:
        freed = asyncio.create_task(until_drained(service, drained))
    await freed


async def until_drained(service: Service, drained: asyncio.Event) -> None:
    await eventually(lambda: service.nats.is_closed)
    drained.set()
