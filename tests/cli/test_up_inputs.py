"""What `makima up` is given: it works, or one line says what to do; never a traceback, never silence."""

from pathlib import Path

import pytest
from makima_cli.up.options import setting
from makima_kernel.testing import eventually
from makima_local.account import account, run_as
from makima_local.data_folder import DataFolder
from makima_local.interpreter import interpreter

from tests.cli.up_process import Begin, fails

PORTS = ("--port", "0", "--nats-port", "0")


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"MAKIMA_CONFIG": "/nope.toml"}, "MAKIMA_CONFIG names /nope.toml, which is no file"),
        ({"MAKIMA_CONFIG": "broken.toml"}, "broken.toml cannot be read"),
        ({"MAKIMA_HOST": "::1"}, "MAKIMA_HOST is '::1': makima up serves 127.0.0.1"),
        ({"MAKIMA_HOST": ""}, "MAKIMA_HOST is ''"),
        ({"MAKIMA_PORT": "65536"}, "65536 is not in the range"),
    ],
)
async def test_a_setting_that_cannot_be_is_exit_2_in_one_line(
    folder: Path, env: dict[str, str], told: str
) -> None:
    (folder / "broken.toml").write_text("port = [")
    code, error = await fails(folder, "--data-dir", str(folder / "data"), "--nats-port", "0", **env)
    assert code == 2
    assert told in error.splitlines()[-1]
    assert not (folder / "data").exists()


def test_a_service_of_kubernetes_that_is_called_makima_is_no_port(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MAKIMA_PORT", "tcp://10.0.0.7:8420")
    assert setting("port") is None
    monkeypatch.setenv("MAKIMA_PORT", "8421")
    assert setting("port") == "8421"


@pytest.mark.parametrize("flag", ["--port", "--nats-port"])
@pytest.mark.parametrize("port", ["65536", "-1"])
async def test_a_port_that_does_not_exist_is_exit_2(folder: Path, flag: str, port: str) -> None:
    code, error = await fails(folder, flag, port)
    assert (code, f"{port} is not in the range 0<=x<=65535" in error) == (2, True)


async def test_a_folder_that_cannot_be_written_is_named_with_the_flag(folder: Path) -> None:
    (folder / "file").touch()
    code, error = await fails(folder, "--data-dir", str(folder / "file" / "data"), *PORTS)
    assert (code, error.count("\n")) == (1, 1)
    assert "cannot be used" in error
    assert "--data-dir" in error


@pytest.mark.parametrize("home", ["", "/nowhere", "read-only"])
def test_without_a_home_that_can_be_written_the_flag_is_named(server_folder: Path, home: str) -> None:
    """As a user with a home: root's data lie outside of its own."""
    user = account()
    python = interpreter(user)
    if home == "read-only":
        closed = server_folder / home
        closed.mkdir(mode=0o555)
        home = str(closed)
    command = [str(python.path), "-m", "makima_cli.main", "up", *PORTS]
    up = run_as(user, command, env={**python.env, "HOME": home})
    assert (up.returncode, up.stdout, up.stderr.count("\n")) == (1, "", 1)
    assert "--data-dir" in up.stderr


async def test_a_server_on_another_machine_without_tls_is_refused_before_anything_is_sent_there(
    folder: Path, nats_url: str
) -> None:
    elsewhere = {
        "MAKIMA_DATABASE_URL": "postgresql://makima:mk_secret@db.invalid/makima",
        "MAKIMA_NATS_URL": nats_url,
    }
    code, error = await fails(folder, "--data-dir", str(folder / "data"), "--port", "0", **elsewhere)
    (line,) = [each for each in error.splitlines() if each.startswith("error: ")]
    assert (code, "mk_secret" in error) == (1, False)
    assert "database_url leads to another machine (db.invalid) without TLS" in line


async def test_it_runs_in_an_awkward_folder_with_a_settings_file_of_windows_and_nowhere_to_note_its_context(
    begin: Begin, folder: Path, nats_url: str
) -> None:
    """All at once, as one start costs seconds."""
    (folder / "makima.toml").write_bytes(b"\xef\xbb\xbf" + f'nats_url = "{nats_url}"'.encode())
    (folder / "nothing").touch()
    awkward = folder / "it's, a \"data\\ dir"
    up = await begin(
        "--data-dir",
        str(awkward),
        HOME="/nowhere",
        XDG_CONFIG_HOME=str(folder / "nothing"),
        PGPORT="1",
        PGSSLMODE="require",
    )
    assert up.ready["data_dir"] == str(awkward)
    assert up.ready["nats_url"] == nats_url
    await eventually(lambda: any("contexts.toml is not written" in line for line in up.news))
    assert DataFolder(awkward).in_use()
    assert await up.stop() == 0
    assert not DataFolder(awkward).in_use()
