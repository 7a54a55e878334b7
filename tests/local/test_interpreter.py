"""Programs that run as another user get a Python to which that user has access."""

import os
import sys
import sysconfig
from pathlib import Path

import pytest
from makima_local import accessible_copies, interpreter
from makima_local.account import account, run_as
from makima_local.interpreter import Interpreter

IMPORTS = "import makima_kernel, sys; print(sys.prefix != sys.base_prefix, sys.executable)"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a user to change to")


@pytest.fixture
def closed(server_folder: Path) -> Path:
    """A folder as root's home is."""
    made = server_folder / "closed-home"
    made.mkdir(mode=0o700, exist_ok=True)
    return made


@pytest.mark.skipif(os.geteuid() == 0, reason="root's programs run as another user")
def test_our_own_user_runs_this_python() -> None:
    assert interpreter.interpreter(account()) == Interpreter(Path(sys.executable))


@as_root
def test_the_user_can_run_what_is_found_and_import_what_is_installed() -> None:
    user = account()
    found = interpreter.interpreter(user)
    done = run_as(user, [str(found.path), "-c", IMPORTS], env=found.env)
    assert (done.stdout.strip(), done.stderr) == (f"True {found.path}", "")


@as_root
def test_packages_in_a_closed_environment_are_copied_with_the_python(
    server_folder: Path, closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `uv tool install` as root leaves them."""
    packages = closed / "site-packages"
    (packages / "only_there").mkdir(parents=True)
    (packages / "only_there" / "__init__.py").touch()
    paths = {**sysconfig.get_paths(), "purelib": str(packages)}
    monkeypatch.setattr(sysconfig, "get_path", paths.get)
    monkeypatch.setattr(accessible_copies, "COPIES", server_folder / "python-copies")
    monkeypatch.setattr(sys, "path", [*sys.path, str(packages)])
    found = interpreter.interpreter(account())
    assert found.path.is_relative_to(server_folder / "python-copies")
    done = run_as(account(), [str(found.path), "-c", "import only_there"], env=found.env)
    assert (done.returncode, done.stderr) == (0, "")
    assert run_as(account(), [str(found.path.with_name("nats-server")), "--version"]).returncode == 0


@as_root
def test_a_checkout_in_a_closed_folder_is_copied_again_after_each_change(
    server_folder: Path, closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = closed / "checkout" / "one_of_ours"
    package.mkdir(parents=True)
    monkeypatch.setattr(accessible_copies, "COPIES", server_folder / "checkout-copies")
    monkeypatch.setattr(sys, "path", [*sys.path, str(closed / "checkout")])
    for version in (1, 2):
        (package / "__init__.py").write_text(f"VERSION = {version}")
        os.utime(package / "__init__.py", ns=(version, version))
        found = interpreter.interpreter(account())
        done = run_as(
            account(),
            [str(found.path), "-c", "import one_of_ours; print(one_of_ours.VERSION)"],
            env=found.env,
        )
        assert (done.stdout, done.stderr) == (f"{version}\n", "")
