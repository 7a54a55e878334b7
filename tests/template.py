"""The migrated database that each test's own is copied from."""

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import cast

import asyncpg

TEMPLATE = "makima_template"


async def prepared_template(dsn: Callable[[str], str]) -> str:
    """Make it and migrate it: the kernel first, then every service."""
    admin = await asyncpg.connect(dsn("postgres"))
    await admin.execute(f'CREATE DATABASE "{TEMPLATE}"')
    await admin.close()
    await migrate_everything(dsn(TEMPLATE))
    return TEMPLATE


async def migrate_everything(dsn: str) -> None:
    try:
        module = import_module("makima_kernel.log.migrate")
    except ModuleNotFoundError:
        return
    await cast("Callable[[str], Awaitable[None]]", module.migrate_all)(dsn)
