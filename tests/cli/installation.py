"""A data folder as `makima up` leaves it, and a command whose user knows no other system."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import asyncpg
from makima_kernel.event_log.log import Log
from makima_kernel.event_log.migrate import all_schemas, migrate
from makima_local.data_folder import DataFolder
from makima_local.postgres import DATABASE, Postgres

from tests.cli.conftest import Ran

ONE_MORE = "insert into gateway.kept values ($1)"


async def run(folder: Path, *arguments: str, **env: str) -> Ran:
    """The command in a process of its own, whose user knows no system but that of `folder`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKIMA_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "makima_cli.main", *arguments),
        cwd=folder,
        env={**clean, "XDG_CONFIG_HOME": str(folder / "config"), "MAKIMA_STREAM_BUDGET": "0.05", **env},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


def problem(ran: Ran) -> Mapping[str, str]:
    assert ran.out == "", "on failure stdout is empty"
    return cast("Mapping[str, str]", json.loads(ran.err.splitlines()[-1]))


class Installation:
    """A data folder as `makima up` leaves it, with something in its database."""

    def __init__(self, place: Path) -> None:
        place.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.folder = DataFolder(place)
        self.postgres = Postgres(self.folder.postgres, tied=True)

    async def fill(self, *kept: str) -> None:
        self.folder.prepare()
        await self.postgres.start()
        dsn = await self.postgres.ensure_database(DATABASE)
        for schema, files in all_schemas():
            await migrate(dsn, files, schema)
        connection = await asyncpg.connect(dsn)
        await connection.execute("create table if not exists gateway.kept (what text)")
        await connection.executemany(ONE_MORE, [(each,) for each in kept])
        await connection.close()

    async def content(self) -> list[str]:
        """What is in its database, which is started for it."""
        was_running = await self.postgres.start()
        connection = await asyncpg.connect(self.postgres.dsn(DATABASE))
        found = [
            str(row["what"]) for row in await connection.fetch("select what from gateway.kept order by 1")
        ]
        databases = await connection.fetch("select datname from pg_database where datname like 'makima%'")
        await connection.close()
        if not was_running:
            await self.postgres.stop()
        assert [row["datname"] for row in databases] == [DATABASE], "nothing is left beside it"
        return found

    async def epoch(self) -> str:
        await self.postgres.start()
        async with asyncpg.create_pool(self.postgres.dsn(DATABASE), min_size=1, max_size=1) as pool:
            return str(await Log(pool).epoch())

    def __str__(self) -> str:
        return str(self.folder.path)
