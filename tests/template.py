"""The migrated database that each test's own is copied from."""

from collections.abc import Callable

import asyncpg
from makima_kernel.event_log.migrate import all_schemas, migrate

TEMPLATE = "makima_template"


async def prepared_template(dsn: Callable[[str], str]) -> str:
    """Make it and migrate it: the kernel first, then every service."""
    admin = await asyncpg.connect(dsn("postgres"))
    await admin.execute(f'CREATE DATABASE "{TEMPLATE}"')
    await admin.close()
    for schema, folder in all_schemas():
        try:
            await migrate(dsn(TEMPLATE), folder, schema)
        except asyncpg.PostgresError as error:
            error.add_note(f"in {folder}")
            raise
    return TEMPLATE
