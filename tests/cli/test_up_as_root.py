"""Started by root, nothing but `makima up` itself runs as root, and each file is for whom needs it."""

import os
import pwd
from pathlib import Path

import psutil
import pytest
from makima_local.account import NAME

from tests.cli.up_process import Begin, fails

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a user to change to")
ROOT = 0


def users_of(pid: int) -> set[int]:
    """Real, effective, saved and file system's."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {int(uid) for line in lines if line.startswith("Uid:") for uid in line.split()[1:]}


def groups_of(pid: int) -> str:
    """Those beside its own."""
    return Path(f"/proc/{pid}/status").read_text().partition("Groups:")[2].partition("\n")[0].strip()


def ours() -> int:
    return pwd.getpwnam(NAME).pw_uid


async def test_every_part_runs_as_the_unprivileged_user_and_reads_what_it_needs(
    begin: Begin, folder: Path
) -> None:
    """Settings, too, though they lie in a folder that is closed to it; not the administrator's token."""
    closed, data = folder / "home-of-root", folder / "data"
    closed.mkdir(mode=0o700)
    (closed / "makima.toml").write_text("stream_budget = 0.05\n")
    up = await begin(MAKIMA_CONFIG=str(closed / "makima.toml"))
    parts = {**up.pids("services"), **up.pids("servers")}
    assert {name: users_of(pid) for name, pid in parts.items()} == {name: {ours()} for name in parts}
    assert {pid for pid in parts.values() if groups_of(pid)} == set()
    below = psutil.Process(up.process.pid).children(recursive=True)
    assert {child.pid for child in below} >= set(parts.values())
    assert [child for child in below if ROOT in users_of(child.pid)] == [], "nor what they start"

    contract, gateway = (data / "secrets" / name for name in ("contract", "gateway"))
    told = eval((data / "logs" / "contract.log").read_text())["MAKIMA_CONFIG"]
    assert told == str(contract / "makima.toml")
    assert (contract / "makima.toml").read_text() == "stream_budget = 0.05\n"
    theirs = [data / "postgres", data / "nats", contract, gateway]
    theirs += [file for place in theirs[1:] for file in place.rglob("*")]
    roots = [data / "admin-token", data / "lock", data / "nats.log", *(data / "logs").iterdir()]
    assert {file.lstat().st_uid for file in theirs} == {ours()}
    assert {file.lstat().st_uid for file in roots} == {ROOT}
    for_others = [file for file in (*theirs, *roots, data / "secrets") if file.lstat().st_mode & 0o066]
    assert [file for file in for_others if data / "nats" / "jetstream" not in file.parents] == []


async def test_a_data_folder_that_root_has_filled_is_handed_over(begin: Begin, folder: Path) -> None:
    """As a version left it whose broker and services ran as root. No link in it leads out of it."""
    first = await begin()
    assert await first.stop() == 0
    nats, secrets = folder / "data" / "nats", folder / "data" / "secrets"
    for file in (nats, *nats.rglob("*"), *secrets.rglob("*")):
        os.chown(file, ROOT, ROOT)
    (nats / "jetstream" / "link").symlink_to(folder / "data" / "lock")
    up = await begin()
    assert users_of(up.pids("servers")["nats"]) == {ours()}
    assert {file.lstat().st_uid for file in (nats, *nats.rglob("*"))} == {ours()}
    assert (folder / "data" / "lock").stat().st_uid == ROOT


async def test_a_key_that_the_services_may_not_read_ends_the_start_with_one_line(folder: Path) -> None:
    key = folder / "key.pem"
    key.write_text("")
    key.chmod(0o600)
    code, said = await fails(folder, "--port", "0", MAKIMA_TLS_KEY_FILE=str(key))
    assert (code, said.count("\n")) == (1, 1)
    assert f"the services run as the user {NAME}, who may not read tls_key_file = {key}" in said


async def test_a_port_for_root_alone_ends_the_start_with_one_line(folder: Path) -> None:
    code, said = await fails(folder, "--port", "443")
    assert (code, said.count("\n")) == (1, 1)
    assert (
        f"port 443 is for root alone, and makima's programs run as the user {NAME}: choose --port from"
        in said
    )
