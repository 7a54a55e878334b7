"""The gateway that the tests of one module share, each as an owner of its own: for a test module to import."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from makima_local.nats import Nats
from makima_local.postgres import Postgres

from tests.cli.conftest import environment
from tests.services.gateway.harness import Gateways
from tests.shared_gateway import new_owner, shared_gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    async with shared_gateway(postgres_server, template_database, nats_server) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def environ(gateways: Gateways, nats_server: Nats, tmp_path: Path) -> dict[str, str]:
    return environment(gateways, nats_server.url, tmp_path, await new_owner(gateways))
