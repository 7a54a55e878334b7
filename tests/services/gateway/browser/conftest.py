"""One gateway for all tests of a file, and a browser before it."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from makima_kernel.service.http_settings import HttpSettings
from makima_local.nats import Nats
from makima_local.postgres import Postgres

from tests.plain_http import plain_client
from tests.services.gateway.browser.browsers import SEEN_ELSEWHERE
from tests.services.gateway.harness import Gateways
from tests.shared_gateway import shared_gateway


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Gateways]:
    http = HttpSettings(allowed_origins=(SEEN_ELSEWHERE,), context="the tests")
    async with shared_gateway(
        postgres_server, template_database, nats_server, admitting=True, http=http
    ) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def admin(gateways: Gateways) -> httpx.AsyncClient:
    return gateways.clients[0]


@pytest_asyncio.fixture(loop_scope="module")
async def browser(admin: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """It keeps cookies, follows no redirect, and has no token."""
    origin = str(admin.base_url).removesuffix("/api/v1/")
    async with plain_client(base_url=origin) as client:
        yield client
