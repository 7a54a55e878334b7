"""The services work on tables of before the `post` migrations, and go on while those run: an upgrade runs `pre`,
starts the new version everywhere, and only then runs `post`.
"""

from contextlib import AsyncExitStack
from uuid import uuid4

import asyncpg
from makima_completion_detector import app as completion_detector
from makima_contract import app as contract
from makima_kernel.commands.client import Bus
from makima_kernel.event_log.log import Log
from makima_kernel.event_log.migrate import all_schemas, migrate
from makima_kernel.nats import streams
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_local.postgres import Postgres
from makima_schemas.commands import Accepted, Request
from nats.aio.client import Client

from tests.servers import BUDGET

# Those that have `post` migrations.
SERVICES = (contract, completion_detector)
CREATE = {"name": "one", "owner_id": "ada", "contract_type": "simple"}


async def test_post_migrations_run_beside_the_services_that_do_not_need_what_they_take_away(
    postgres_server: Postgres, nats: Client, nats_url: str
) -> None:
    dsn = await postgres_server.ensure_database(f"upgraded_{uuid4().hex}")
    for schema, folder in all_schemas():
        await migrate(dsn, folder, schema, ["pre"])
    async with AsyncExitStack() as started:
        pool = await started.enter_async_context(asyncpg.create_pool(dsn, min_size=1, max_size=2))
        await streams.provision(nats, Log(pool), budget=BUDGET)
        settings = Settings(database_url=dsn, nats_url=nats_url, stream_budget=BUDGET)
        running = [
            await started.enter_async_context(Service.running(app.NAME, settings, app.build))
            for app in SERVICES
        ]

        async def works(contract_id: str) -> None:
            for name, data in (("create_contract", CREATE), ("start_contract", {})):
                reply = await Bus(nats).ask("contract", name, Request(uuid4(), contract_id, data))
                assert isinstance(reply, Accepted)
            for service in running:
                await eventually(lambda service=service: is_well(service))

        await works("c1")
        done = [await migrate(dsn, folder, schema, ["post"]) for schema, folder in all_schemas()]
        assert any(done), "nothing is left to try this with"
        await works("c2")
    admin = await asyncpg.connect(postgres_server.dsn())
    await admin.execute(f'drop database "{dsn.partition("?")[0].rpartition("/")[2]}" with (force)')
    await admin.close()


async def is_well(service: Service) -> bool:
    return (await service.health.condition())[0] == 200
