"""`makima up`, run as people run it, with two services installed that only say that they are ready."""

import asyncio
import os
import signal
import socket
import sys
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import asyncpg
import nats
import psutil
import pytest
from makima_kernel.credentials import hash_of
from makima_kernel.testing import eventually
from makima_local.postgres import Postgres
from makima_local.server import lives

from tests.cli.up_process import Begin, fails, start


async def test_it_says_in_one_line_of_json_where_everything_is(begin: Begin, folder: Path) -> None:
    up = await begin()
    assert set(up.ready) == {
        "url",
        "nats_url",
        "database_url",
        "token",
        "data_dir",
        "services",
        "servers",
        "metrics",
    }
    token = folder / "data" / "admin-token"
    assert (up.ready["token"], token.stat().st_mode & 0o777) == (token.read_text().strip(), 0o600)
    assert up.ready["data_dir"] == str(folder / "data")
    assert (
        set(up.pids("services"))
        == {"contract", "gateway"}
        == set(cast("Mapping[str, str]", up.ready["metrics"]))
    )
    assert all(lives(pid) for what in ("services", "servers") for pid in up.pids(what).values())
    client = await nats.connect(str(up.ready["nats_url"]))
    assert {stream.config.name for stream in await client.jetstream().streams_info()} >= {
        "MAKIMA_EVENTS",
        "MAKIMA_HEARTBEATS",
    }
    await client.close()
    connection = await asyncpg.connect(str(up.ready["database_url"]))
    assert await connection.fetchval("SELECT count(*) FROM event_log.migrations") > 0
    await connection.close()


async def test_cli_and_sdk_find_it_by_its_context(begin: Begin, folder: Path) -> None:
    up = await begin()
    contexts = tomllib.loads((folder / "config" / "makima" / "contexts.toml").read_text())
    assert contexts["current"] == "data"
    members = ("url", "nats_url", "database_url", "token", "data_dir")
    assert contexts["contexts"]["data"] == {member: up.ready[member] for member in members}


async def test_each_service_is_told_its_servers_whose_disk_to_watch_and_only_the_gateway_its_port(
    begin: Begin, folder: Path
) -> None:
    up = await begin()
    contract, gateway = (
        eval((folder / "data" / "logs" / f"{name}.log").read_text()) for name in ("contract", "gateway")
    )
    administrators = str(up.ready["database_url"])
    for name, env in (("gateway", gateway), ("contract", contract)):
        own = administrators.replace("//postgres@", f"//makima_{name}@")
        assert in_file(env, "MAKIMA_DATABASE_URL") == own != administrators
        connection = await asyncpg.connect(own)
        assert not await connection.fetchval("select rolsuper from pg_roles where rolname = current_user")
        await connection.close()
    users = {
        urlsplit(str(url)).username: urlsplit(str(url)).port
        for url in (
            in_file(gateway, "MAKIMA_NATS_URL"),
            in_file(contract, "MAKIMA_NATS_URL"),
            up.ready["nats_url"],
        )
    }
    assert list(users) == ["gateway", "contract", "admin"], "each comes as itself"
    assert len(set(users.values())) == 1
    assert gateway["MAKIMA_NATS_ISSUER_SEED_FILE"] == str(folder / "data" / "nats" / "issuer.seed")
    assert str(up.ready["url"]).endswith(gateway["MAKIMA_PORT"])
    assert gateway["MAKIMA_ADMIN_TOKEN_SHA256"] == hash_of(str(up.ready["token"])).hex()
    assert not {"MAKIMA_PORT", "MAKIMA_ADMIN_TOKEN_SHA256", "MAKIMA_NATS_ISSUER_SEED_FILE"} & set(contract)
    assert str(up.ready["token"]) not in str(gateway), "it is told the hash alone"
    assert contract["MAKIMA_DATA_DIR"] == gateway["MAKIMA_DATA_DIR"] == up.ready["data_dir"]


def in_file(environment: Mapping[str, str], variable: str) -> str:
    """What a service is told by a file, which only our user may read."""
    file = Path(environment[f"{variable}_FILE"])
    assert file.stat().st_mode & 0o777 == 0o600
    return file.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_no_secret_is_in_the_environment_or_the_arguments_of_a_program(begin: Begin) -> None:
    up = await begin("--demo", MAKIMA_TOKEN="mk_of_the_user")
    started = psutil.Process(up.process.pid).children(recursive=True)
    assert len(started) > len(up.pids("services")) + len(up.pids("servers"))
    secrets = [str(up.ready["token"]), urlsplit(str(up.ready["nats_url"])).password or "", "mk_of_the_user"]
    for process in started:
        with suppress(psutil.NoSuchProcess):
            said = f"{process.environ()} {process.cmdline()}"
            assert not [secret for secret in secrets if secret in said]


async def test_a_service_that_dies_is_started_again_and_that_is_shown(begin: Begin) -> None:
    up = await begin()
    pid = up.pids("services")["contract"]
    os.kill(pid, signal.SIGKILL)
    await eventually(
        lambda: any(
            f"contract (pid {pid}) exited: killed by SIGKILL; restarting at once" in line for line in up.news
        )
    )
    await eventually(lambda: any("contract is running again" in line for line in up.news))


@pytest.mark.parametrize("server", ["nats", "postgres"])
async def test_a_server_that_dies_is_started_again_and_that_is_shown(begin: Begin, server: str) -> None:
    up = await begin()
    os.kill(up.pids("servers")[server], signal.SIGKILL)
    await eventually(lambda: any(f"{server} is running again" in line for line in up.news))


async def test_servers_that_run_elsewhere_are_used_and_left_alone(
    begin: Begin, database: str, nats_url: str
) -> None:
    up = await begin(MAKIMA_DATABASE_URL=database, MAKIMA_NATS_URL=nats_url)
    assert up.ready["servers"] == {"nats": None, "postgres": None}
    assert (up.ready["database_url"], up.ready["nats_url"]) == (database, nats_url)
    assert await up.stop() == 0
    for left_alone in (await asyncpg.connect(database), await nats.connect(nats_url)):
        await left_alone.close()


@pytest.mark.parametrize("flag", ["--port", "--nats-port"])
async def test_a_taken_port_ends_the_start_with_its_number_and_the_flag(folder: Path, flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        others = {"--port": "0", "--nats-port": "0"} | {flag: port}
        code, error = await fails(
            folder, "--data-dir", str(folder / "data"), *(part for pair in others.items() for part in pair)
        )
    assert code == 1
    assert error == f"error: port {port} is taken: choose another with {flag}\n"


async def test_a_data_folder_that_others_may_write_or_a_link_ends_the_start_with_one_line(
    folder: Path, tmp_path: Path
) -> None:
    shared, link = tmp_path / "shared", tmp_path / "link"
    shared.mkdir()
    shared.chmod(0o777)
    link.symlink_to(folder)
    for data, says in ((shared, "can be written by other users"), (link, "is a link")):
        code, error = await fails(folder, "--data-dir", str(data), "--port", "0", "--nats-port", "0")
        assert (code, error.count("\n")) == (1, 1)
        assert error.startswith(f"error: {data} {says}")
    assert list(shared.iterdir()) == []


async def test_only_one_runs_on_a_data_folder(begin: Begin, folder: Path) -> None:
    up = await begin()
    code, error = await fails(folder, "--data-dir", str(folder / "data"), "--port", "0", "--nats-port", "0")
    assert code == 1
    assert f"already (pid {up.process.pid})" in error


async def test_two_data_folders_run_side_by_side(begin: Begin, folder: Path) -> None:
    one, other = await asyncio.gather(begin(), begin("--ephemeral"))
    assert one.ready["url"] != other.ready["url"]
    assert set(one.pids("servers").values()).isdisjoint(other.pids("servers").values())
    assert await one.stop() == 0
    assert all(lives(pid) for pid in other.pids("servers").values())
    assert await other.stop() == 0


async def test_a_service_that_cannot_start_ends_the_start_with_its_last_words(folder: Path) -> None:
    (folder / "site" / "makima_contract" / "__main__.py").write_text(
        "raise SystemExit('the setting x is unknown')"
    )
    code, error = await fails(folder, "--data-dir", str(folder / "data"), "--port", "0", "--nats-port", "0")
    assert code == 1
    assert "error: contract exits repeatedly: the setting x is unknown" in error
    assert not Postgres(folder / "data" / "postgres").running()


async def test_people_get_one_aligned_block_and_the_page_where_they_ask_for_it(folder: Path) -> None:
    browser = folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {folder}/opened\n')
    browser.chmod(0o755)
    process = await start(
        folder,
        "--data-dir",
        str(folder / "data"),
        "--port",
        "0",
        "--nats-port",
        "0",
        "--open",
        BROWSER=str(browser),
    )
    assert process.stdout is not None
    shown = (await asyncio.wait_for(process.stdout.readuntil(b"Ctrl-C"), 60)).decode()
    await eventually((folder / "opened").exists)
    await eventually(lambda: (folder / "opened").read_text().startswith("http://127.0.0.1:"))
    process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), 60) == 0
    rows = [line for line in shown.splitlines() if "://" in line]
    assert len(rows) == 4
    assert (
        len(
            {
                line.index("://") - len(scheme)
                for line in rows
                for scheme in ("http", "nats", "postgresql")
                if f" {scheme}://" in line
            }
        )
        == 1
    )


async def test_the_settings_file_where_it_was_typed_holds_for_it_and_for_the_services(
    folder: Path, begin: Begin, nats_url: str
) -> None:
    (folder / "makima.toml").write_text(f'nats_url = "{nats_url}"')
    up = await begin()
    assert up.ready["nats_url"] == nats_url
    told = eval((folder / "data" / "logs" / "contract.log").read_text())["MAKIMA_CONFIG"]
    assert tomllib.loads((folder / told).read_text()) == {"nats_url": nats_url}


async def test_a_port_comes_from_the_environment_unless_a_flag_says_otherwise(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, error = await fails(
            folder, "--data-dir", str(folder / "data"), "--nats-port", "0", MAKIMA_PORT=port
        )
    assert (code, error) == (1, f"error: port {port} is taken: choose another with --port\n")
