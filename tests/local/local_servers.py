"""A local Postgres or NATS on a folder of its own, and something written into it."""

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import nats
from makima_kernel.testing import PATIENCE
from makima_local.nats import Nats
from makima_local.postgres import Postgres

Server = Postgres | Nats


def new_server(kind: str, folder: Path, name: str) -> Server:
    place = folder / f"{abs(hash((kind, name))):x}"
    place.mkdir(mode=0o711, exist_ok=True)
    return (
        Postgres(place / "pg", durable=False, tied=True)
        if kind == "postgres"
        else Nats(place / "nats", tied=True)
    )


def own_folder(folder: Path, name: str) -> Path:
    (folder / name).mkdir(mode=0o711)
    return folder / name


def again(server: Server) -> Server:
    """Another object on the same folder: what a new process would see."""
    return Postgres(server.folder, durable=False) if isinstance(server, Postgres) else Nats(server.folder)


async def write(server: Server) -> None:
    match server:
        case Postgres():
            connection = await asyncpg.connect(server.dsn())
            await connection.execute("CREATE TABLE kept AS SELECT 'written' AS what")
            await connection.close()
        case Nats():
            client = await nats.connect(server.url)
            await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
            await client.jetstream().publish("kept", b"written")
            await client.close()


async def read(server: Server) -> str:
    match server:
        case Postgres():
            connection = await asyncpg.connect(server.dsn())
            found = str(await connection.fetchval("SELECT what FROM kept"))
            await connection.close()
        case Nats():
            client = await nats.connect(server.url)
            found = ((await client.jetstream().get_last_msg("KEPT", "kept")).data or b"").decode()
            await client.close()
    return found


OWNER = """
import asyncio, os, sys
from pathlib import Path
from makima_local.nats import Nats
from makima_local.postgres import Postgres
if len(sys.argv) > 3:  # imported as root, whose home may hold the interpreter; from here on as somebody else
    asyncio.run(asyncio.to_thread(int))  # imports the rest
    os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[3]))
async def main():
    folder, tied = Path(sys.argv[1]), sys.argv[2] == "tied"
    servers = [Postgres(folder / "pg", durable=False, tied=tied), Nats(folder / "nats", tied=tied)]
    for server in servers:
        await server.start()
    print(*(server.pid for server in servers), flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


async def start_owner(folder: Path, *how: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, str(folder), *how, stdout=subprocess.PIPE
    )


async def pids_of(owner: asyncio.subprocess.Process) -> list[int]:
    assert owner.stdout is not None
    return [int(pid) for pid in (await asyncio.wait_for(owner.stdout.readline(), PATIENCE)).split()]
