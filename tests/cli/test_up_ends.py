"""How `makima up` ends: by a signal, by a kill, and what is left of it then."""

import asyncio
import shutil
import signal
import sys
import tomllib
from pathlib import Path

import asyncpg
import pytest
from makima_kernel.testing import eventually
from makima_local.nats import Nats
from makima_local.postgres import Postgres
from makima_local.server import lives

from tests.cli.up_process import Begin, is_there, start


async def test_sigterm_stops_all_of_it_and_the_next_one_finds_its_state(begin: Begin) -> None:
    first = await begin()
    connection = await asyncpg.connect(str(first.ready["database_url"]))
    await connection.execute("CREATE TABLE public.kept ()")
    await connection.close()
    assert await first.stop() == 0
    gone = [*first.pids("services").values(), *first.pids("servers").values()]
    assert not any(lives(pid) for pid in gone)
    second = await begin()
    connection = await asyncpg.connect(str(second.ready["database_url"]))
    await connection.fetch("SELECT FROM public.kept")
    await connection.close()


async def test_after_its_own_kill_no_service_is_left_and_the_next_one_takes_the_servers_over(
    begin: Begin,
) -> None:
    first = await begin()
    first.process.kill()
    await eventually(lambda: not any(lives(pid) for pid in first.pids("services").values()))
    second = await begin()
    assert second.ready["servers"] == first.ready["servers"]
    assert await second.stop() == 0
    assert not any(lives(pid) for pid in second.pids("servers").values())


async def test_an_ephemeral_one_leaves_nothing_behind(begin: Begin, folder: Path) -> None:
    up = await begin("--ephemeral")
    place = str(up.ready["data_dir"])
    assert is_there(place)
    assert await up.stop() == 0
    assert not is_there(place)
    assert tomllib.loads((folder / "config" / "makima" / "contexts.toml").read_text())["contexts"] == {}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
async def test_an_ephemeral_one_that_is_killed_leaves_nothing_running(begin: Begin) -> None:
    up = await begin("--ephemeral")
    up.process.kill()
    await eventually(
        lambda: not any(lives(pid) for what in ("services", "servers") for pid in up.pids(what).values())
    )
    shutil.rmtree(str(up.ready["data_dir"]))


async def test_sigterm_while_it_is_starting_leaves_nothing_running(folder: Path) -> None:
    process = await start(folder, "--data-dir", str(folder / "data"), "--port", "0", "--nats-port", "0")
    assert process.stderr is not None
    assert b"is running (pid" in await asyncio.wait_for(process.stderr.readuntil(b"(pid"), 60)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 60) == 0
    assert not Postgres(folder / "data" / "postgres").running()
    assert not Nats(folder / "data" / "nats").running()
