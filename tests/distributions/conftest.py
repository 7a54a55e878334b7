"""What `make dist` builds, once for all tests of this folder."""

import subprocess
from pathlib import Path

import pytest

from tests.distributions.environment import COMMAND_TIMEOUT_SECONDS
from tests.distributions.projects import ROOT


@pytest.fixture(scope="session")
def built(server_folder: Path) -> Path:
    """The folder with all wheels and sdists."""
    folder = server_folder / "dist"
    command = ["make", "-s", "dist", f"DIST={folder}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=COMMAND_TIMEOUT_SECONDS)
    assert done.returncode == 0, done.stderr
    return folder
