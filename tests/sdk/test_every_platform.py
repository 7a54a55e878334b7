"""The SDK on a platform without POSIX: every module is imported, and an agent's parts work."""

import subprocess
import sys
import time
from pathlib import Path

import makima_sdk
import pytest
from makima_sdk.clock import elapsed

POSIX_ONLY = ("fcntl", "grp", "posix_spawn", "pty", "pwd", "resource", "syslog", "termios", "tty", "uvloop")
BLOCKED = f"""
import sys
for name in {POSIX_ONLY!r}:
    sys.modules[name] = None
"""
# psutil has a module of its own for each platform, and that of Linux needs one of these.
EVERY_MODULE = f"""
import psutil
{BLOCKED}
import importlib, pkgutil, makima_sdk
names = [module.name for module in pkgutil.iter_modules(makima_sdk.__path__)]
for name in names:
    importlib.import_module(f"makima_sdk.{{name}}")
for name in makima_sdk.__all__:
    getattr(makima_sdk, name)
print(*names)
"""
A_SPOOL_LOCKED_WITHOUT_FCNTL = f"""
{BLOCKED}
from makima_sdk.problems import SpoolError
from makima_sdk.spool import Spool
path = sys.argv[1]
spool = Spool(path, "c1:builder").open()
spool.put("result", "/a", {{}}, "k1")
try:
    Spool(path, "c1:builder").open()
except SpoolError as error:
    print(error)
spool.close()
print(len(Spool(path, "c1:builder").open()))
"""
HEAVY = {"asyncio", "httpx", "nats", "orjson", "psutil", "pydantic", "ssl", "websockets"}
LOADED = "import sys, makima_sdk; print(*sys.modules)"


def run(code: str, *arguments: str) -> str:
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_every_module_is_imported_where_no_posix_module_is() -> None:
    modules = Path(makima_sdk.__path__[0]).glob("*.py")
    assert set(run(EVERY_MODULE).split()) == {one.stem for one in modules} - {"__init__"}


def test_a_spool_has_one_process_where_files_cannot_be_locked(tmp_path: Path) -> None:
    said = run(A_SPOOL_LOCKED_WITHOUT_FCNTL, str(tmp_path / "spool"))
    assert "is in use" in said
    assert said.splitlines()[-1] == "1"


def test_importing_the_sdk_imports_nothing_heavy() -> None:
    assert set(run(LOADED).split()) & HEAVY == set()


@pytest.mark.parametrize(
    ("platform", "asked"),
    [
        ("linux", f"clock {time.CLOCK_BOOTTIME}"),
        ("darwin", f"clock {time.CLOCK_MONOTONIC}"),
        ("win32", "monotonic"),
    ],
)
def test_the_clock_of_leases_runs_on_while_the_machine_sleeps(
    platform: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)

    def of_a_clock(clock: int) -> str:
        return f"clock {clock}"

    def of_the_platform() -> str:
        return "monotonic"

    monkeypatch.setattr(time, "clock_gettime", of_a_clock)
    monkeypatch.setattr(time, "monotonic", of_the_platform)
    assert str(elapsed()) == asked
