"""One gateway for all tests of a module, each of them an owner of its own: nobody sees the contracts of
another.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import nats as nats_py
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from makima_stale_detector import app as stale_detector

from tests.servers import clean_jetstream, fresh_database
from tests.services.gateway.harness import Gateways, running


@asynccontextmanager
async def shared_gateway(
    server: Postgres, template: str, broker: Nats, *, admitting: bool = False, **settings: Any
) -> AsyncGenerator[Gateways]:
    """On a fresh database and a clean JetStream. Whoever shares it must not use `database` and `nats_url`,
    which make others. `settings` are further ones, `admitting` as in `running`.
    """
    await clean_jetstream(broker.url)
    async with (
        fresh_database(server, template) as database,
        asyncpg.create_pool(database, min_size=1, max_size=4) as pool,
    ):
        nats = await nats_py.connect(broker.url)
        try:
            async with running(
                Settings(database_url=database, nats_url=broker.url, stream_budget=0.01, **settings),
                pool,
                nats,
                admitting=admitting,
            ) as made:
                yield made
        finally:
            await nats.close()


@asynccontextmanager
async def gateway_with_detector(server: Postgres, template: str, broker: Nats) -> AsyncGenerator[Gateways]:
    """`shared_gateway`, and the stale-detector beside it."""
    async with (
        shared_gateway(server, template, broker) as made,
        Service.running(stale_detector.NAME, made.replicas[0].settings, stale_detector.build),
    ):
        yield made


async def new_owner(gateways: Gateways) -> str:
    """The token of an owner whom nobody has seen before."""
    answer = await gateways.clients[0].post(
        "/tokens", json={"role": "owner", "owner": f"owner-{uuid4().hex[:8]}"}
    )
    return str(answer.raise_for_status().json()["token"])
