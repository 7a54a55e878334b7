"""Gateways and a contract service on real servers, inside the test's process."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from makima_gateway.api import reads, supervisor_heartbeats, writes
from makima_gateway.api.routes import batch
from makima_kernel.service.settings import Settings
from makima_kernel.testing import PATIENCE
from nats.aio.client import Client

from tests.services.gateway.harness import Gateways, running


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As patient as requests: a gateway that waits for its read model."""
    monkeypatch.setattr(reads, "MIN_POSITION_TIMEOUT_SECONDS", PATIENCE)
    monkeypatch.setattr(writes, "MIN_POSITION_TIMEOUT_SECONDS", PATIENCE)
    monkeypatch.setattr(batch, "MIN_POSITION_TIMEOUT_SECONDS", PATIENCE)
    monkeypatch.setattr(supervisor_heartbeats, "TELEMETRY_TIMEOUT_SECONDS", PATIENCE)


@pytest.fixture
async def gateways(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Gateways]:
    async with running(settings, pool, nats) as made:
        yield made


@pytest.fixture
def http(gateways: Gateways) -> httpx.AsyncClient:
    return gateways.clients[0]
