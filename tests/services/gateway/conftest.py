"""Gateways and a contract service on real servers, inside the test's process."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from makima_kernel.service.settings import Settings
from nats.aio.client import Client

from tests.services.gateway.harness import Gateways, running


@pytest.fixture
async def gateways(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Gateways]:
    async with running(settings, pool, nats) as made:
        yield made


@pytest.fixture
def http(gateways: Gateways) -> httpx.AsyncClient:
    return gateways.clients[0]
