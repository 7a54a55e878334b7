"""The Postgres and the NATS of one `makima up`: started, taken over, kept alive and stopped; or left alone where they run elsewhere."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from makima_local import ports
from makima_local.data_folder import DataFolder
from makima_local.nats import Nats
from makima_local.nats_users import NatsUsers
from makima_local.postgres import Postgres
from makima_schemas import permissions

from makima_cli.up.options import Options

DATABASE = "makima"
SERVER_POLL_SECONDS = 0.5
SERVER_STOP_TIMEOUT_SECONDS = 5.0

Embedded = Postgres | Nats


@dataclass(frozen=True, slots=True)
class Servers:
    """Where they are, and the pids of those that are ours (None: it runs elsewhere). `nats_url` is the administrator's."""

    database_url: str
    nats_url: str
    embedded: dict[str, Embedded]

    def nats_url_of(self, user: str) -> str:
        """As this user; whom a broker elsewhere lets in is its own business."""
        nats = self.embedded.get("nats")
        return nats.url_of(user) if isinstance(nats, Nats) else self.nats_url

    @property
    def pids(self) -> dict[str, int | None]:
        return {name: self.embedded[name].pid if name in self.embedded else None for name in ("nats", "postgres")}

    async def keep(self, say: Callable[[str], None]) -> None:
        """Bring back one that died; runs until it is cancelled."""
        while True:
            await asyncio.sleep(SERVER_POLL_SECONDS)
            for name, server in self.embedded.items():
                if not server.running():
                    say(f"{name} died, starting again")
                    await server.start()
                    say(f"{name} runs again (pid {server.pid})")


def check_ports(options: Options, folder: DataFolder) -> None:
    """Raises `PortTakenError` before anything is started. A server that we left behind holds its port rightly."""
    if options.port:
        ports.require(options.port, "--port")
    if options.nats_port and options.nats_url is None and not Nats(folder.nats).holds(options.nats_port):
        ports.require(options.nats_port, "--nats-port")


@asynccontextmanager
async def running(options: Options, folder: DataFolder, say: Callable[[str], None]) -> AsyncGenerator[Servers]:
    """They run inside this block. After a crash of ours the next one takes them over; it would never find ephemeral ones, so those end with us."""
    postgres = None if options.database_url else Postgres(folder.postgres, durable=not options.ephemeral, tied=options.ephemeral)
    nats = (
        None
        if options.nats_url
        else Nats(folder.nats, port=options.nats_port or None, tied=options.ephemeral, users=NatsUsers(folder.nats))
    )
    embedded = {name: server for name, server in (("nats", nats), ("postgres", postgres)) if server}
    try:
        async with asyncio.TaskGroup() as starting:
            for name, server in embedded.items():
                starting.create_task(_start(name, server, say))
        database_url = options.database_url or (await postgres.ensure_database(DATABASE) if postgres else "")
        yield Servers(database_url, options.nats_url or (nats.url_of(permissions.ADMIN) if nats else ""), embedded)
    finally:
        await asyncio.gather(*(server.stop(SERVER_STOP_TIMEOUT_SECONDS) for server in embedded.values()))


async def _start(name: str, server: Embedded, say: Callable[[str], None]) -> None:
    say(f"{name} is starting")
    found = await server.start()
    say(f"{name} {'was still running, taken over' if found else 'runs'} (pid {server.pid})")
