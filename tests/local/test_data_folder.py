"""A data folder is made for its owner alone; one that others made or can change is refused."""

import os
import re
import stat
from pathlib import Path

import pytest
from makima_local import log_file
from makima_local.data_folder import DataFolder
from makima_local.private_files import NotOursError

OURS = 0o711 if os.geteuid() == 0 else 0o700
STRANGER = 12_345  # a uid of nobody


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A prepared data folder with an administrator's token."""
    made = DataFolder(tmp_path / "data")
    made.prepare()
    made.admin_token.touch(0o600)
    return made


def test_only_what_is_made_is_closed(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    DataFolder(shared / "makima" / "dev").prepare()
    assert [mode(shared), mode(shared / "makima"), mode(shared / "makima" / "dev")] == [0o1777, OURS, OURS]


@pytest.mark.parametrize("writable", [0o770, 0o707, 0o1777])
def test_a_data_folder_that_others_may_write_is_refused_and_left_as_it_was(
    tmp_path: Path, writable: int
) -> None:
    tmp_path.chmod(writable)
    with pytest.raises(NotOursError, match=f"`chmod go-w {re.escape(str(tmp_path))}`"):
        DataFolder(tmp_path).prepare()
    assert (mode(tmp_path), list(tmp_path.iterdir())) == (writable, [])


def test_a_data_folder_in_a_folder_that_everybody_may_rename_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(NotOursError, match=r"every user, who could replace .*data: choose another"):
        DataFolder(tmp_path / "data").prepare()


@pytest.mark.parametrize("dangling", [True, False])
def test_a_link_in_place_of_the_data_folder_is_not_followed(tmp_path: Path, dangling: bool) -> None:
    real = tmp_path / "real"
    if not dangling:
        real.mkdir()
    (tmp_path / "data").symlink_to(real)
    with pytest.raises(NotOursError, match="data is a link"):
        DataFolder(tmp_path / "data").prepare()
    assert not real.exists() or not list(real.iterdir())


@pytest.mark.parametrize(
    "planted",
    [
        "lock",
        "admin-token",
        "logs",
        "postgres",
        "nats",
        "secrets",
        "nats.log",
        "nats.old.log",
        "postgres.old.log",
        "logs/gateway.log",
    ],
)
def test_a_link_in_place_of_a_file_of_ours_is_not_followed(tmp_path: Path, planted: str) -> None:
    target = tmp_path / "target"
    target.write_text("not ours")
    folder = DataFolder(tmp_path / "data")
    (folder.path / planted).parent.mkdir(parents=True)
    (folder.path / planted).symlink_to(target)
    with pytest.raises(NotOursError, match=f"{planted} is a link"):
        folder.prepare()
    assert target.read_text() == "not ours"


@pytest.mark.parametrize("name", ["admin-token", "logs", "secrets"])
def test_what_others_may_write_in_it_is_refused(folder: DataFolder, name: str) -> None:
    (folder.path / name).chmod(0o777)
    with pytest.raises(NotOursError, match=f"{name} can be written by other users"):
        folder.prepare()


def test_a_token_that_others_can_read_is_refused(folder: DataFolder) -> None:
    folder.admin_token.chmod(0o644)
    with pytest.raises(NotOursError, match="a secret that other users can read: `chmod 600"):
        folder.prepare()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("name", [".", "lock", "admin-token", "logs"])
def test_what_belongs_to_another_user_is_refused(folder: DataFolder, name: str) -> None:
    (folder.path / "lock").touch(0o600)
    os.chown(folder.path / name, STRANGER, STRANGER)
    with pytest.raises(NotOursError, match=f"belongs to another user \\(uid {STRANGER}\\)"):
        folder.prepare()


def test_files_that_makima_does_not_use_are_nobodys_business(folder: DataFolder) -> None:
    (folder.path / "notes").symlink_to("/nowhere")
    folder.prepare()


def test_a_log_file_is_for_us_alone_also_one_of_an_older_version(folder: DataFolder) -> None:
    for name in ("gateway", "contract"):
        log = folder.log(name)
        if name == "contract":
            log.touch(0o644)
            log.chmod(0o644)
        log_file.opened(log).close()
        assert mode(log) == 0o600


def test_a_log_that_has_become_a_link_is_not_written_to(folder: DataFolder, tmp_path: Path) -> None:
    folder.log("gateway").symlink_to(tmp_path / "target")
    with pytest.raises(NotOursError, match=r"gateway\.log is a link"):
        log_file.opened(folder.log("gateway"))
    assert not (tmp_path / "target").exists()
