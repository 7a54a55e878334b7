"""What roles may do in Postgres: asked of it, and tried as the role."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
from makima_kernel.installed_services import installed_services

SERVICES: Final = [service.name for service in installed_services()]
PRIVILEGES: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
MAY: Final = """
select coalesce(string_agg(may, ' ' order by number), '')
from unnest($3::text[]) with ordinality as p (may, number)
where has_table_privilege($1, $2::text, may)
"""


@asynccontextmanager
async def as_role(database: str, role: str) -> AsyncGenerator[asyncpg.Pool]:
    """A pool whose every connection acts as the role and cannot become another one by itself."""

    async def become(connection: asyncpg.Connection) -> None:
        await connection.execute(f"set session authorization {role}")

    async with asyncpg.create_pool(database, min_size=1, max_size=4, init=become) as pool:
        yield pool


async def tables_of(pool: asyncpg.Pool, schema: str) -> list[str]:
    rows = await pool.fetch(
        "select c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace"
        " where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm') order by 1",
        schema,
    )
    return [name for (name,) in rows]
