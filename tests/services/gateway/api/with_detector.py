"""The gateway that the tests of one module share, with the detector beside it: for a test module to import."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from makima_sdk import Http, System

from tests.services.gateway.harness import ADMIN, Gateways
from tests.shared_gateway import gateway_with_detector


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    async with gateway_with_detector(postgres_server, template_database, nats_server) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def system(gateways: Gateways) -> AsyncIterator[System]:
    async with Http(str(gateways.clients[0].base_url).removesuffix("/api/v1/"), ADMIN) as http:
        yield System(http)


@pytest.fixture
def http(gateways: Gateways) -> httpx.AsyncClient:
    return gateways.clients[0]
