"""One gateway, with the services behind it, for all tests of supervisors that save and are restored in a file."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import asyncpg
import httpx
import pytest_asyncio
from makima_kernel.service.http_settings import QuotaSettings
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from nats.aio.client import Client

from tests.services.gateway.api.restorable import Supervised, daemons, supervised
from tests.services.gateway.harness import Gateways
from tests.shared_gateway import shared_gateway

Clients = tuple[httpx.AsyncClient, httpx.AsyncClient]
QUOTA_MIB = 2.0


@dataclass(frozen=True)
class Supervision:
    """What all tests of this file use."""

    gateways: Gateways
    nats: Client
    pool: asyncpg.Pool
    daemons: Clients


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def supervision(
    postgres_server: Postgres, template_database: str, nats_server: Nats
) -> AsyncIterator[Supervision]:
    quotas = QuotaSettings(saved_state_mib_per_contract=QUOTA_MIB)
    async with AsyncExitStack() as stack:
        gateways = await stack.enter_async_context(
            shared_gateway(postgres_server, template_database, nats_server, admitting=True, quotas=quotas)
        )
        replica = gateways.replicas[0]
        clients = await stack.enter_async_context(daemons(gateways.clients[0]))
        yield Supervision(gateways, replica.nats, replica.pool, clients)


@pytest_asyncio.fixture(loop_scope="module")
async def world(supervision: Supervision) -> AsyncIterator[Supervised]:
    async with supervised(
        supervision.gateways, supervision.nats, supervision.pool, supervision.daemons
    ) as made:
        yield made
