"""`makima context`: the systems that a user connects to, in a file that only the user can read."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from click.testing import CliRunner, Result
from makima_cli.main import main
from makima_local import context
from makima_local.context import Context

from tests.cli.conftest import hear_ctrl_c

TOKEN = "mk_a-token-that-nobody-must-see"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("MAKIMA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["context", *arguments], input=typed, catch_exceptions=False)


def listed() -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", orjson.loads(run("ls", "--format", "json").stdout))


def test_a_context_is_added_used_and_listed(home: Path) -> None:
    first = run(
        "add", "work", "--url", "https://makima.example.org/", "--token-file", "-", typed=f"{TOKEN}\n"
    )
    assert (first.exit_code, first.stdout) == (0, "work added, and current\n")
    assert run("add", "home", "--url", "http://127.0.0.1:8420").exit_code == 0
    assert [(each["name"], each["has_token"], each["current"]) for each in listed()] == [
        ("work", True, True),
        ("home", False, False),
    ]
    assert run("use", "home").stdout == "home is the current context\n"
    assert [each["name"] for each in listed() if each["current"]] == ["home"]
    assert stat.S_IMODE((home / "makima" / "contexts.toml").stat().st_mode) == 0o600
    assert [file.name for file in (home / "makima").iterdir()] == ["contexts.toml"], (
        "nothing is left beside it"
    )


def test_an_added_and_a_chosen_context_are_one_json_value_each(home: Path) -> None:
    said = {"name": "work", "url": "http://h", "has_token": False, "current": True}
    added = run("add", "work", "--url", "http://h", "--format", "json")
    assert (added.exit_code, orjson.loads(added.stdout)) == (0, said)
    used = run("use", "work", "--format", "json")
    assert (used.exit_code, orjson.loads(used.stdout)) == (0, {"name": "work", "current": True})
    assert home.exists()


@pytest.mark.parametrize("format_", ["table", "json", "compact"])
def test_no_secret_is_ever_printed(home: Path, format_: str) -> None:
    url = "http://user:secret@127.0.0.1:1"
    context.remember(Context("a", url, "nats://daemon:secret@127.0.0.1:2", "postgres://x:secret@h/d", TOKEN))
    shown = [run("ls", "--format", format_), run("use", "a"), run("use", "b"), run("add", "a", "--url", url)]
    torn = run("add", "c", "--url", "http://h", "--token-file", "-", typed=f"{TOKEN[:9]} {TOKEN[9:]}")
    assert torn.exit_code == 2
    for ran in (*shown, torn):
        assert not {word for word in ("secret", TOKEN, TOKEN[:9]) if word in ran.stdout + ran.stderr}
    assert home.exists()


def test_what_is_wrong_is_refused_in_one_line_and_changes_nothing(home: Path) -> None:
    assert run("add", "a", "--url", "http://one").exit_code == 0
    before = (home / "makima" / "contexts.toml").read_bytes()
    refused = {
        ("use", "b"): 3,
        ("add", "a", "--url", "http://two"): 5,
        ("add", "b", "--url", "ftp://two"): 2,
        ("add", "../b", "--url", "http://two"): 2,
        ("add", "b", "--url", "http://two", "--token-file", "/nowhere"): 2,
        ("add", "b", "--url", "http://two", "--token-file", "-"): 2,
    }
    for arguments, code in refused.items():
        ran = run(*arguments, "--format", "json")
        assert (ran.exit_code, ran.stdout) == (code, ""), arguments
        assert orjson.loads(ran.stderr)["detail"], arguments
    assert (home / "makima" / "contexts.toml").read_bytes() == before
    assert run("add", "a", "--url", "http://two", "--replace").exit_code == 0
    assert [each["url"] for each in listed()] == ["http://two"]


@pytest.mark.parametrize("broken", ["contexts = 3", "[contexts]\na = 'x'", "current = [", "\xff"])
def test_a_broken_file_is_told_and_kept(home: Path, broken: str) -> None:
    file = home / "makima" / "contexts.toml"
    file.parent.mkdir()
    file.write_bytes(broken.encode("latin-1"))
    for arguments in (["context", "ls"], ["context", "add", "a", "--url", "http://h"], ["contracts", "list"]):
        ran = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert (ran.exit_code, ran.stdout) == (2, ""), arguments
        assert "contexts.toml" in ran.stderr
    assert file.read_bytes() == broken.encode("latin-1")


def test_watching_prints_the_contexts_again_until_ctrl_c(home: Path) -> None:
    run("add", "work", "--url", "http://127.0.0.1:8420")
    command = [sys.executable, "-m", "makima_cli.main", "context", "ls", "--watch", "--format", "json"]
    heard = subprocess.Popen(
        command,
        env={**os.environ, "XDG_CONFIG_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - one system call
    )
    assert heard.stdout is not None
    first, second = (orjson.loads(heard.stdout.readline()) for _ in range(2))
    assert [each["name"] for each in first] == ["work"]
    assert first == second
    heard.send_signal(signal.SIGINT)
    _, err = heard.communicate(timeout=60)
    assert (heard.returncode, err) == (130, b"")
