"""Prepares the servers before the services start: migrates the schemas and creates the streams."""

import asyncpg
from makima_kernel.event_log import roles
from makima_kernel.event_log.log import Log
from makima_kernel.event_log.migrate import all_schemas, migrate
from makima_kernel.event_log.migration_files import MigrationError
from makima_kernel.event_log.roles import RolesError
from makima_kernel.installed_services import installed_services
from makima_kernel.nats.connection import BrokerUnreachableError, connect, ignore_close
from makima_kernel.nats.streams import TopologyError, provision
from makima_kernel.service.settings import Settings, SettingsError, load

FAULTS = (
    MigrationError,
    RolesError,
    TopologyError,
    BrokerUnreachableError,
    SettingsError,
    asyncpg.PostgresError,
    OSError,
)


async def migrate_all(database_url: str) -> int:
    """Apply the migrations of the kernel, then of each service. Returns how many were applied."""
    return sum([len(await migrate(database_url, folder, schema)) for schema, folder in all_schemas()])


async def separate(database_url: str) -> None:
    """Give each service its Postgres role, which may log in: the embedded server asks for no password."""
    services = installed_services()
    await roles.set_up(database_url, services, {service.name: None for service in services})


def settings_for(database_url: str, nats_url: str) -> Settings:
    """The settings of services with these addresses. Raises `SettingsError` if they may not connect there."""
    return load(Settings, database_url=database_url, nats_url=nats_url)


async def provision_bus(settings: Settings) -> None:
    """Create the NATS streams, or bring them to their current configuration."""
    nats = await connect(settings.nats_url, "makima-up", on_closed=ignore_close)
    try:
        async with asyncpg.create_pool(settings.database_url, min_size=1, max_size=1) as pool:
            await provision(nats, Log(pool), budget=settings.stream_budget, replicas=settings.stream_replicas)
    finally:
        await nats.close()
