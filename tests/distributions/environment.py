"""A clean virtual environment outside the checkout, and the Pythons that one can be made of."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.distributions.projects import ROOT

UV: Final = (sys.executable, "-m", "uv")
SUPPORTED: Final = ((3, 13), (3, 12))  # the newest one first
COMMAND_TIMEOUT_SECONDS: Final = 300  # a newer Python's wheels may have to be downloaded first


def newer_python() -> str | None:
    """The newest supported Python of this machine that is newer than the one that runs the tests."""
    for version in SUPPORTED:
        if version > sys.version_info[:2] and (found := _python(*version)):
            return found
    return None


def _python(major: int, minor: int) -> str | None:
    name = f"python{major}.{minor}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [shutil.which(name), *map(str, sorted(pyenv.glob(f"versions/{major}.{minor}.*/bin/{name}")))]
    return next((found for found in candidates if found and _runs(found)), None)


def _runs(python: str) -> bool:
    """pyenv puts a shim on the PATH for each version; it fails where that version is not selected."""
    return (
        subprocess.run(
            [python, "-c", "pass"], capture_output=True, check=False, timeout=COMMAND_TIMEOUT_SECONDS
        ).returncode
        == 0
    )


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment in `folder`, and the home folder of whoever uses it."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "venv/bin/python")

    @property
    def variables(self) -> Mapping[str, str]:
        """All that a program in it is told: no PYTHONPATH, no setting of makima, nobody else's home."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        path = f"{self.folder / 'venv/bin'}{os.pathsep}{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "LANG": "C.UTF-8"}

    def run(self, *arguments: str) -> str:
        """Its Python with these arguments, in its home folder; gives what it printed."""
        done = subprocess.run(
            [self.python, *arguments],
            cwd=self.variables["HOME"],
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def installed(folder: Path, python: str, wheels: Iterable[Path]) -> Environment:
    """A new environment with these wheels, and what they depend on at the locked versions."""
    environment = Environment(folder)
    _uv("venv", "--no-python-downloads", "--python", python, str(folder / "venv"))
    constraints = ("--constraints", str(ROOT / "requirements.lock"))
    _uv("pip", "install", "--python", environment.python, *constraints, *map(str, wheels))
    return environment


def _uv(*arguments: str) -> None:
    done = subprocess.run(
        [*UV, "-q", *arguments], capture_output=True, text=True, check=False, timeout=COMMAND_TIMEOUT_SECONDS
    )
    assert done.returncode == 0, done.stderr
