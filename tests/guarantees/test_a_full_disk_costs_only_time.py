"""A full disk costs time alone: whoever asks is told, nothing that was accepted is lost, and when there is room
again everything goes on by itself.
"""

import asyncio
import errno
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from makima_kernel.commands.client import Bus
from makima_kernel.commands.router import CommandRouter
from makima_kernel.event_log.log import Log
from makima_kernel.nats import streams
from makima_kernel.nats.connection import connect
from makima_kernel.relay.relay import Relay
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_local.account import account
from makima_local.postgres import Postgres
from makima_schemas.commands import Accepted, Problem, Request
from makima_schemas.errors import ErrorCode
from nats.aio.client import Client

from tests.background import running
from tests.kernel.commands.toggle_aggregate import SwitchOn, toggle_decisions
from tests.kernel.event_log.filling import fill
from tests.servers import BUDGET, IN_CONTAINERS, OwnNats, closed

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or IN_CONTAINERS, reason="only root mounts a small disk"
)


class SmallDisk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filling = folder / "filling"

    def fill(self) -> None:
        with self._filling.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass

    def make_room(self) -> None:
        self._filling.unlink()


@contextmanager
def mounted(folder: Path, megabytes: int) -> Generator[SmallDisk]:
    folder.mkdir(mode=0o711)
    options = f"size={megabytes}m,mode=711"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


async def test_events_wait_for_the_broker_with_longer_and_longer_pauses_and_all_come(
    pool: asyncpg.Pool, server_folder: Path
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0.01)

    with mounted(server_folder / f"disk-{uuid4().hex[:8]}", 40) as disk:
        broker = OwnNats(disk.folder / "nats", tied=True)
        try:
            await broker.start()
            nats = await connect(broker.url, "test", on_closed=closed)
            await streams.provision(nats, Log(pool), budget=BUDGET)
            relay = Relay(pool, nats, budget=BUDGET, pause=pause)
            async with running(relay.run()):
                await fill(pool, 3)
                await eventually(lambda: relay.position == 3)
                assert broker.needs_restart() is None
                disk.fill()
                await fill(pool, 400)
                await eventually(lambda: 2.0 in pauses)
                longest = pauses.index(2.0)
                assert pauses[longest - 6 : longest] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6]
                assert broker.needs_restart() is None, "a restart needs room"
                assert relay.position < 403
                disk.make_room()
                await eventually(broker.needs_restart)
                await broker.restart()
                await eventually(lambda: relay.position == 403 and relay.ready() is None)
                assert broker.needs_restart() is None
            await nats.close()
        finally:
            await broker.stop()


@pytest.fixture
async def small_database(
    postgres_server: Postgres, template_database: str, server_folder: Path
) -> AsyncIterator[tuple[str, SmallDisk]]:
    """A migrated database whose tables lie on a small disk; its log of writes lies elsewhere."""
    name = f"small_{uuid4().hex[:8]}"
    with mounted(server_folder / name, 80) as disk:
        place = disk.folder / "tables"
        account().own(place)
        admin = await asyncpg.connect(postgres_server.dsn())
        await admin.execute(f"create tablespace {name} location '{place}'")
        copy = f"template {template_database} tablespace {name} strategy file_copy"
        await admin.execute(f"create database {name} {copy}")
        yield postgres_server.dsn(name), disk
        await admin.execute(f"drop database {name} with (force)")
        await admin.execute(f"drop tablespace {name}")
        await admin.close()


async def test_commands_are_answered_with_the_reason_and_go_on_when_there_is_room(
    small_database: tuple[str, SmallDisk], nats: Client, nats_url: str
) -> None:
    dsn, disk = small_database

    async def build(service: Service) -> None:
        router = CommandRouter("toggle")
        router.command(SwitchOn, toggle_decisions(service.log, service.appender).handle)
        service.include(router)

    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
        log = Log(pool)
        await streams.provision(nats, log, budget=BUDGET)
        settings = Settings(database_url=dsn, nats_url=nats_url, stream_budget=BUDGET)
        async with Service.running("toggle", settings, build) as service:
            disk.fill()
            accepted, refused = 0, None
            while refused is None:
                request = Request(uuid4(), f"l{accepted}", {"hostname": "h" * 200})
                match await Bus(nats).ask("toggle", "switch_on", request):
                    case Accepted():
                        accepted += 1
                    case Problem() as problem:
                        refused = request, problem
            request, problem = refused
            assert problem.code is ErrorCode.UNAVAILABLE
            assert "its disk is full, nothing was stored" in problem.detail
            assert os.strerror(errno.ENOSPC) in problem.detail
            assert await log.head() == accepted
            disk.make_room()
            assert isinstance(await Bus(nats).ask("toggle", "switch_on", request), Accepted)
            assert await log.head() == accepted + 1

            async def well() -> bool:
                return (await service.health.condition())[0] == 200

            await eventually(well)

            async def published() -> bool:
                info = await nats.jetstream().stream_info("MAKIMA_EVENTS")
                return info.state.last_seq == accepted + 1

            await eventually(published)
