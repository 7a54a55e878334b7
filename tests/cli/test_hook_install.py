"""`makima hook install` changes a coding agent's settings only as it says, and takes its change back exactly."""

import importlib
import json
import stat
import sys
from pathlib import Path
from typing import cast

import click
import pytest
from click.testing import CliRunner, Result
from makima_cli.hook.settings_file import EVENTS, installed, is_ours, removed
from makima_cli.main import main
from makima_daemon.hooks import EFFECTS

install_module = importlib.import_module(
    "makima_cli.hook.install"
)  # the package has the command by this name

FOREIGN = """{
    "permissions": {"allow": ["Bash(make:*)"]},
    "hooks": {
        "PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "guard.sh 'é'"}]}],
        "Stop": []
    }
}"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "argv", ["/opt/my tools/makima"])
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "project" / ".claude" / "settings.json"


def install(settings: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ("hook", "install", "--file", str(settings), *arguments))


def _hooks(text: str) -> dict[str, list[dict[str, object]]]:
    return cast("dict[str, list[dict[str, object]]]", json.loads(text)["hooks"])


def test_it_is_put_in_at_each_event_and_what_was_there_stays() -> None:
    after = installed(FOREIGN, "'/opt/my tools/makima' hook")
    assert set(_hooks(after)) == set(EVENTS)
    assert _hooks(after)["PreToolUse"][0] == _hooks(FOREIGN)["PreToolUse"][0]
    assert _hooks(after)["PreToolUse"][1]["matcher"] == "*"
    assert json.loads(after)["permissions"] == json.loads(FOREIGN)["permissions"]
    assert installed(after, "'/opt/my tools/makima' hook") == after
    assert json.loads(removed(after)) == json.loads(FOREIGN) | {
        "hooks": {"PreToolUse": _hooks(FOREIGN)["PreToolUse"]}
    }


def test_it_is_put_in_at_each_event_that_means_something_to_the_daemon_and_at_no_other() -> None:
    assert set(EVENTS) == set(EFFECTS)


@pytest.mark.parametrize("before", [None, FOREIGN, FOREIGN.replace("\n", "\r\n"), "{}\n", ""])
def test_what_was_written_is_taken_back_to_the_byte(settings: Path, before: str | None) -> None:
    if before is not None:
        settings.parent.mkdir(parents=True)
        settings.write_bytes(before.encode())
    assert install(settings, "--yes").exit_code == 0
    assert is_ours(_hooks(settings.read_text())["Stop"][-1]["hooks"][0]["command"])  # type: ignore[index]
    assert "nothing to change" in install(settings, "--yes").stdout
    assert install(settings, "--remove", "--yes").exit_code == 0
    assert (settings.read_bytes().decode() if settings.exists() else None) == (before or None)


@pytest.mark.parametrize("remove", [False, True])
def test_the_change_is_shown_also_where_nobody_is_asked(settings: Path, *, remove: bool) -> None:
    """For whoever reads the log of a script; with JSON it is a member."""
    if remove:
        install(settings, "--yes")
    options = ("--yes", *(["--remove"] if remove else []))
    assert f'{"-" if remove else "+"}  "hooks": {{' in install(settings, *options).stderr
    undone = install(settings, "--yes", *([] if remove else ["--remove"]), "--format", "json")
    assert (undone.stderr, f'{"+" if remove else "-"}  "hooks": {{' in json.loads(undone.stdout)["diff"]) == (
        "",
        True,
    )


def test_what_others_wrote_since_stays_when_it_is_taken_out(settings: Path) -> None:
    install(settings, "--yes")
    changed = json.loads(settings.read_text()) | {"model": "opus"}
    settings.write_text(json.dumps(changed, indent=2))
    assert install(settings, "--remove", "--yes").exit_code == 0
    assert json.loads(settings.read_text()) == {"model": "opus"}


@pytest.mark.parametrize("remove", [False, True])
def test_a_change_that_was_refused_takes_nothing_from_what_is_put_back_later(
    settings: Path, monkeypatch: pytest.MonkeyPatch, *, remove: bool
) -> None:
    settings.parent.mkdir(parents=True)
    settings.write_text(FOREIGN)
    install(settings, "--yes")
    written = settings.read_text()
    if not remove:
        settings.write_text(FOREIGN + " ")

    def edited_meanwhile(*_: object, **__: object) -> bool:
        settings.write_text("{}")
        return True

    with monkeypatch.context() as patched:
        patched.setattr(install_module, "require_terminal", str)
        patched.setattr(click, "confirm", edited_meanwhile)
        refused = install(settings, *(["--remove"] if remove else []))
    assert (refused.exit_code, settings.read_text()) == (1, "{}")
    settings.write_text(written)
    assert install(settings, "--remove", "--yes").exit_code == 0
    assert settings.read_text() == FOREIGN


def test_a_file_keeps_its_mode_a_new_one_is_private_and_nothing_lies_beside_it(settings: Path) -> None:
    install(settings, "--yes")
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    settings.chmod(0o640)
    settings.write_text("{}")
    install(settings, "--yes")
    assert stat.S_IMODE(settings.stat().st_mode) == 0o640
    assert list(settings.parent.iterdir()) == [settings]


def test_what_was_kept_and_cannot_be_read_is_as_if_it_were_not_there(settings: Path, tmp_path: Path) -> None:
    install(settings, "--yes")
    (kept,) = (tmp_path / "config").rglob("hooks/*.json")
    kept.write_text("{")
    settings.write_text(FOREIGN)
    assert install(settings, "--yes").exit_code == 0
    assert install(settings, "--remove", "--yes").exit_code == 0
    assert settings.read_text() == FOREIGN


def test_without_a_terminal_it_shows_the_change_writes_nothing_and_names_the_flag(settings: Path) -> None:
    ran = install(settings)
    assert (ran.exit_code, ran.stdout, settings.exists()) == (2, "", False)
    assert '+  "hooks": {' in ran.stderr
    assert "--yes" in ran.stderr
    printed = install(settings, "--print")
    assert (printed.exit_code, set(_hooks(printed.stdout)), settings.exists()) == (0, set(EVENTS), False)


@pytest.mark.parametrize(
    "unfit", ["{", "[]", '{"hooks": []}', '{"hooks": {"Stop": {}}}', "// {}\n{}", "[" * 9999]
)
def test_a_file_that_it_does_not_understand_is_left_alone(settings: Path, unfit: str) -> None:
    settings.parent.mkdir(parents=True)
    settings.write_text(unfit)
    ran = install(settings, "--yes", "--format", "json")
    assert (ran.exit_code, ran.stdout, settings.read_text()) == (1, "", unfit)
    assert json.loads(ran.stderr)["code"] == "UNFIT_SETTINGS"


def test_only_the_command_itself_is_ours() -> None:
    ours = ["makima hook", "/a/bin/makima hook", "'/a b/makima-server' hook"]
    foreign = [
        "makima hook install",
        "my-makima hook",
        "echo makima hook",
        "makima hook; rm x",
        "'",
        "",
        None,
    ]
    assert [is_ours(one) for one in (*ours, *foreign)] == [True] * len(ours) + [False] * len(foreign)
