"""The embedded servers start where the folder's name, the shell's environment, or what a power cut has left would
stop them.
"""

import asyncio
import os
import threading
from pathlib import Path

import asyncpg
import nats
import pytest
from makima_local.nats import Nats
from makima_local.nats_users import NatsUsers
from makima_local.postgres import SOCKET_NAME, Postgres
from makima_schemas import permissions

from tests.local.local_servers import read, write

AWKWARD = 'it\'s, a "data\\ dir" ü'


async def test_postgres_starts_in_any_folder_and_whatever_the_shell_says_of_another_one(
    server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = {
        "PGPORT": "6543",
        "PGHOST": "db.example",
        "PGSSLMODE": "verify-full",
        "PGTARGETSESSIONATTRS": "standby",
        "PGDATABASE": "another",
        "PGUSER": "somebody",
    }
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)
    place = server_folder / AWKWARD
    place.mkdir(mode=0o711)
    server = Postgres(place / "pg", durable=False, tied=True)
    await server.start()
    try:
        await write(server)
        connection = await asyncpg.connect(await server.ensure_database("makima"))
        assert await connection.fetchval("SELECT current_database()") == "makima"
        await connection.close()
        await server.stop()
        await _starts_over_every_stale_lock(server)
    finally:
        await server.stop()


async def _starts_over_every_stale_lock(server: Postgres) -> None:
    """Of a power cut: the files of the last run, with a pid that others have now, or whose content is lost."""
    with _running_thread() as thread:
        for pid_file, lock in (
            (_whole(server, os.getppid()), _whole(server, 1)),
            (_whole(server, thread), _whole(server, thread)),
            ("", ""),
            ("\0" * 88, "\0" * 65),
            ("12\n", "not a pid"),
        ):
            server.sockets.mkdir(exist_ok=True)
            (server.folder / "postmaster.pid").write_text(pid_file)
            (server.sockets / f"{SOCKET_NAME}.lock").write_text(lock)
            assert not await server.start()
            assert await read(server) == "written"
            await server.stop()
        server.sockets.mkdir(exist_ok=True)
        target = server.folder.parent / "elsewhere"
        target.write_text(_whole(server, thread))
        for link in (server.folder / "postmaster.pid", server.sockets / f"{SOCKET_NAME}.lock"):
            link.symlink_to(target)
        assert not await server.start()
        assert target.read_text() == _whole(server, thread), "no link is followed"
        await server.stop()


def _whole(server: Postgres, pid: int) -> str:
    return f"{pid}\n{server.folder}\n1764000000\n5432\n{server.sockets}\n\n  7340033 65536\nready   \n"


class _running_thread:  # noqa: N801 - used as a function
    """A thread that is not its process's first: its id answers to signal 0, but is no process."""

    def __enter__(self) -> int:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._end.wait)
        self._thread.start()
        return self._thread.native_id or 0

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


async def test_nats_starts_in_any_folder_also_after_its_passwords_were_torn(server_folder: Path) -> None:
    folder = server_folder / AWKWARD / "nats"
    folder.mkdir(parents=True, mode=0o711)
    for torn in ("", "\0" * 40, '{"gateway": "'):
        (folder / "passwords.json").write_text(torn)
        (folder / "nats.pid").write_text(torn)
        (folder / "issuer.seed").write_text("\0" * 58)
        server = Nats(folder, tied=True, users=NatsUsers(folder))
        await server.start()
        try:
            client = await asyncio.wait_for(nats.connect(server.url_of(permissions.ADMIN)), 10)
            assert await client.jetstream().account_info()
            await client.close()
        finally:
            await server.stop()
    assert (folder / "jetstream").is_dir()
