"""The embedded servers: found again after a crash, never confused with others, stopped cleanly."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from makima_kernel.testing import eventually
from makima_local import ports
from makima_local.embedded import ServerFailedError
from makima_local.nats import Nats
from makima_local.postgres import Postgres

from tests.local.local_servers import Server, again, new_server, own_folder, pids_of, read, start_owner, write


@pytest.fixture(params=["postgres", "nats"])
async def server(request: pytest.FixtureRequest, server_folder: Path) -> AsyncIterator[Server]:
    """One of the two, on a folder of its own, not yet started."""
    made = new_server(request.param, server_folder, cast("str", request.node.name))
    yield made
    await made.stop()


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
    await server.freeze()
    heir = again(server)
    assert await heir.start() is True
    assert await read(heir) == "written"


async def test_a_frozen_one_stops_within_its_time(server: Server) -> None:
    await server.start()
    await server.freeze()
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


async def test_servers_of_a_killed_owner_are_found_and_stopped_by_the_next(server_folder: Path) -> None:
    owner = await start_owner(own_folder(server_folder, "crashed"), "loose")
    pids = await pids_of(owner)
    owner.kill()
    await owner.wait()
    heirs: list[Server] = [
        Postgres(server_folder / "crashed" / "pg"),
        Nats(server_folder / "crashed" / "nats"),
    ]
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
