"""Postgres and NATS of one `makima up`: starts, restarts and stops embedded ones, or uses external ones as
they are.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from makima_local import log_file, ports
from makima_local.data_folder import DataFolder
from makima_local.embedded import ServerFailedError
from makima_local.nats import Nats
from makima_local.nats_users import NatsUsers
from makima_local.postgres import DATABASE, Postgres
from makima_schemas import permissions

from makima_cli.up.options import Options

SERVER_POLL_SECONDS = 0.5
MAX_RESTART_PAUSE_SECONDS = 8.0
SERVER_STOP_TIMEOUT_SECONDS = 5.0

Embedded = Postgres | Nats


@dataclass(frozen=True, slots=True)
class Servers:
    """The addresses of the servers, and the embedded ones among them."""

    database_url: str  # of the superuser, if the server is embedded
    nats_url: str  # with the credentials of the administrator
    embedded: dict[str, Embedded]  # by name (`nats`, `postgres`); a server that is missing here is external

    def nats_url_of(self, user: str) -> str:
        """The address with the credentials of `user`. An external broker has its own users: then it is
        `nats_url`.
        """
        nats = self.embedded.get("nats")
        return nats.url_of(user) if isinstance(nats, Nats) else self.nats_url

    def database_url_of(self, role: str) -> str:
        """The address for the role. An external Postgres has its own roles: then it is `database_url`."""
        postgres = self.embedded.get("postgres")
        return postgres.dsn(DATABASE, role) if isinstance(postgres, Postgres) else self.database_url

    @property
    def pids(self) -> dict[str, int | None]:
        return {
            name: self.embedded[name].pid if name in self.embedded else None for name in ("nats", "postgres")
        }

    async def keep(self, say: Callable[[str], None]) -> None:
        """Restart embedded servers that have ended, and keep their logs small; runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, server in self.embedded.items():
                group.create_task(_keep(name, server, say), name=f"keep {name}")
                group.create_task(log_file.keep_small(server.log), name=f"log of {name}")


async def _keep(name: str, server: Embedded, say: Callable[[str], None]) -> None:
    """Restart the server whenever it has ended, or cannot go on. Where that fails, as on a full disk, it is
    tried again: the services wait for it, and everything else goes on.
    """
    pause = SERVER_POLL_SECONDS
    while True:
        await asyncio.sleep(pause)
        why = server.needs_restart() if server.running() else "exited"
        if why is None:
            pause = SERVER_POLL_SECONDS
            continue
        say(f"{name} {why}; restarting")
        try:
            await server.restart()
        except (ServerFailedError, OSError) as error:
            pause = min(2 * pause, MAX_RESTART_PAUSE_SECONDS)
            say(f"{error}; {name} is tried again in {pause:g} s")
        else:
            say(f"{name} is running again (pid {server.pid})")


def check_ports(options: Options, folder: DataFolder) -> None:
    """Check the requested ports before anything is started. Raises `PortTakenError`.

    The NATS port may be in use by the embedded NATS of an earlier `makima up` that crashed: it is taken over.
    """
    if options.port:
        ports.require(options.port, "--port")
    if options.nats_port and options.nats_url is None and not Nats(folder.nats).holds(options.nats_port):
        ports.require(options.nats_port, "--nats-port")


@asynccontextmanager
async def running(
    options: Options, folder: DataFolder, say: Callable[[str], None]
) -> AsyncGenerator[Servers]:
    """Start the embedded servers; they run until the block ends.

    If this process crashes, they keep running and the next `makima up` takes them over. Ephemeral ones end
    with this process (`tied`), as nothing would find them in their temporary folder.
    """
    postgres = (
        None
        if options.database_url
        else Postgres(folder.postgres, durable=not options.ephemeral, tied=options.ephemeral)
    )
    nats = (
        None
        if options.nats_url
        else Nats(
            folder.nats, port=options.nats_port or None, tied=options.ephemeral, users=NatsUsers(folder.nats)
        )
    )
    embedded = {name: server for name, server in (("nats", nats), ("postgres", postgres)) if server}
    try:
        async with asyncio.TaskGroup() as starting:
            for name, server in embedded.items():
                starting.create_task(_start(name, server, say))
        database_url = options.database_url or (await postgres.ensure_database(DATABASE) if postgres else "")
        yield Servers(
            database_url, options.nats_url or (nats.url_of(permissions.ADMIN) if nats else ""), embedded
        )
    finally:
        await asyncio.gather(*(server.stop(SERVER_STOP_TIMEOUT_SECONDS) for server in embedded.values()))


async def _start(name: str, server: Embedded, say: Callable[[str], None]) -> None:
    say(f"{name} is starting")
    found = await server.start()
    say(f"{name} {'was still running and is reused' if found else 'is running'} (pid {server.pid})")
