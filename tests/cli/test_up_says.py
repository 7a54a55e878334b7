"""What `makima up` prints can be typed as it stands, and says what was done to a service."""

import os
import sys
from pathlib import Path

import pytest
from makima_cli.up.show import Running, command, progress, summary
from makima_local.processes import Frozen


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    script = tmp_path / "bin" / "makima"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    return script


def test_a_command_on_the_path_is_named_by_its_name(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{installed.parent}{os.pathsep}/usr/bin")
    monkeypatch.setattr(sys, "argv", [str(installed), "up"])
    assert command() == "makima"


def test_in_a_fresh_clone_it_is_named_as_it_was_called(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.chdir(installed.parent.parent)
    monkeypatch.setattr(sys, "argv", ["bin/makima", "up"])
    assert command() == "bin/makima"


def test_a_module_is_named_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/makima_cli/main.py", "up"])
    assert command() == f"{sys.executable} -m makima_cli.main"


def test_a_frozen_service_is_shown() -> None:
    assert (
        progress(Frozen("gateway", 7, 16.2))
        == "gateway (pid 7) has not answered its health check for 16 s: killing it"
    )


@pytest.mark.parametrize(("ephemeral", "becomes"), [(False, "kept"), (True, "deleted")])
def test_what_becomes_of_the_data_is_said(ephemeral: bool, becomes: str) -> None:
    urls = ("http://127.0.0.1:1", "nats://127.0.0.1:2", "postgresql:///makima")
    system = Running(*urls, "mk_x", Path("/data"), {}, None, {"nats": None, "postgres": None}, {})
    shown = summary(system, None, 1.0, None, ephemeral=ephemeral)
    assert shown.endswith(f"Ctrl-C stops it; the data is {becomes}.")
