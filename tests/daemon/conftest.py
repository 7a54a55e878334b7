"""One gateway, with the services behind it, for all tests of a module; a machine with a daemon for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import nats as nats_py
import pytest_asyncio
from makima_local.nats import Nats
from makima_local.postgres import Postgres

from tests.daemon.machine import Machine, machine_of
from tests.services.gateway.harness import Gateways
from tests.shared_gateway import shared_gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    async with shared_gateway(postgres_server, template_database, nats_server, admitting=True) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def machine(gateways: Gateways, nats_server: Nats, tmp_path: Path) -> AsyncIterator[Machine]:
    nats = await nats_py.connect(nats_server.url)
    yield await machine_of(gateways, nats, nats_server.url, tmp_path / "workspace")
    await nats.close()
