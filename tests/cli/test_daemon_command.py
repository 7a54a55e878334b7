"""`makima daemon`: what is wrong with its settings is said, and what was written is shown."""

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from makima_cli.daemon.start import show
from makima_cli.main import main
from makima_cli.session import Session
from makima_daemon.app import Ready
from makima_sdk.connection import Connection

GOOD = 'daemon_id = "d1"\ncapacity = 1\nworkspace = "work"\n[agents.builder]\ncommand = ["true"]\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "daemon.toml"
    path.write_text(GOOD)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["daemon", *arguments])


def problem(result: Result) -> dict[str, object]:
    assert result.stdout == ""
    return json.loads(result.stderr)


def test_wrong_settings_are_usage(config: Path) -> None:
    config.write_text(GOOD.replace("capacity", "capacty"))
    for command in ("start", "logs"):
        result = run(command, "--config", str(config), "--format", "json")
        assert result.exit_code == 2
        assert "did you mean capacity?" in str(problem(result)["detail"])


def test_the_settings_are_named(config: Path) -> None:
    assert config.exists()
    assert run("start").exit_code == 2
    assert "--config" in run("logs").stderr


def test_a_makima_that_does_not_answer_is_unreachable(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MAKIMA_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        result = run("start", "--config", str(config), "--format", "json")
    assert result.exit_code == 8
    assert problem(result)["code"] == "UNAVAILABLE"


def test_the_socket_is_printed_that_an_agent_needs_which_the_daemon_does_not_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show(Session(Connection("http://127.0.0.1:1"), "text"), Ready("d1", "/work", "/work/d.sock", 7, ()))
    assert "MAKIMA_DAEMON_SOCKET=/work/d.sock" in capsys.readouterr().out


def test_logs_are_shown_by_contract_and_role(config: Path) -> None:
    folder = config.parent / "work" / "logs" / "agents" / "c1"
    folder.mkdir(parents=True)
    (folder / "builder.log").write_bytes(b"one\n\x1b[31mtwo\x1b[0m\x07\n")
    (folder / "tester.log").write_bytes(b"three\n")
    shown = run("logs", "--config", str(config))
    assert shown.stdout.splitlines() == ["c1/builder | one", "c1/builder | two\\x07", "c1/tester | three"]
    only = run(
        "logs",
        "--config",
        str(config),
        "--contract",
        "c1",
        "--role",
        "builder",
        "-n",
        "1",
        "--format",
        "json",
    )
    assert (only.exit_code, only.stderr) == (0, "")
    assert json.loads(only.stdout) == {"contract_id": "c1", "role": "builder", "line": "two\u0007"}
    every = run("logs", "--config", str(config), "--format", "json")
    assert [json.loads(line)["line"] for line in every.stdout.splitlines()] == ["one", "two\u0007", "three"]
    assert run("logs", "--config", str(config), "--contract", "../..").exit_code == 2
    assert run("logs", "--config", str(config), "--contract", "c2").stdout == ""
