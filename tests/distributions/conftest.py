"""What `make dist` builds, once for all tests of this folder."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from tests.distributions.environment import COMMAND_TIMEOUT_SECONDS
from tests.distributions.projects import ROOT


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with all wheels and sdists; the first worker that needs it builds it for all."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = shared / "dist"
    with (shared / "dist.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _make_dist(shared / "building").rename(folder)
    return folder


def _make_dist(folder: Path) -> Path:
    command = ["make", "-s", "dist", f"DIST={folder}"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=COMMAND_TIMEOUT_SECONDS
    )
    assert done.returncode == 0, done.stderr
    return folder
