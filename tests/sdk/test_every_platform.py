"""The SDK on a platform without POSIX: every module is imported, and an agent's parts work."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import makima_sdk
import pytest
from makima_local import ports
from makima_sdk.clock import elapsed

from tests.sdk.http_server import body_server

POSIX_ONLY = ("fcntl", "grp", "posix_spawn", "pty", "pwd", "resource", "syslog", "termios", "tty", "uvloop")
# Names of modules that are everywhere which Python has not on Windows. Other people's modules are imported
# before: theirs is another matter, and the event loop is that of this platform.
NOT_ON_WINDOWS = {
    "asyncio": ("open_unix_connection", "start_unix_server"),
    "os": (
        "chown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getpgid", "getpgrp", "getsid", "getuid", "kill",
        "killpg", "mkfifo", "nice", "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC", "pidfd_open",
        "posix_spawn", "setpgid", "setsid", "sysconf", "uname", "wait", "waitid", "WNOHANG",
    ),
    "select": ("epoll", "poll"),
    "signal": ("pthread_sigmask", "SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGSTOP", "SIGUSR1"),
    "_socket": ("AF_UNIX",),
    "time": ("clock_gettime", "CLOCK_BOOTTIME", "CLOCK_MONOTONIC"),
}  # fmt: skip
BLOCKED = f"""
import sys
import anyio._backends._asyncio, asyncio, httpx, importlib, msgspec, nats, orjson, psutil, pydantic, websockets.asyncio.client, zoneinfo
for name in {POSIX_ONLY!r}:
    sys.modules[name] = None
for module, names in {NOT_ON_WINDOWS!r}.items():
    for name in names:
        delattr(importlib.import_module(module), name)
sys.platform = "win32"
"""
EVERY_MODULE = f"""
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
AN_AGENT_AND_A_SUPERVISOR = f"""
{BLOCKED}
import asyncio
from makima_sdk import Agent, Connection, sync

async def main(url, spool):
    async with Agent("c1", "builder", Connection(url=url), "k1", spool=spool) as agent:
        await agent.requests.send("GET", "/until/agents-heartbeat")

asyncio.run(main(*sys.argv[1:]))
with sync.Supervisor("c1", Connection(url=sys.argv[1]), "k2", daemon_socket="nothing") as supervisor:
    supervisor.report("completed")
"""
OK = '{"status": "ok", "interval_seconds": 0.05, "timeout_seconds": 120}'
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


async def test_an_agent_and_a_supervisor_live_where_no_posix_module_is(tmp_path: Path) -> None:
    heard: list[str] = []

    def reply(path: str, _body: bytes) -> tuple[int, str]:
        *_, who, step = path.split("/")
        if who == "until":
            return (200, "{}") if "builder heartbeat" in heard else (503, "{}")
        heard.append(f"{who} {step}")
        return 200, OK

    port = ports.free()
    async with body_server(port, reply):
        code = AN_AGENT_AND_A_SUPERVISOR
        await asyncio.to_thread(run, code, f"http://127.0.0.1:{port}", str(tmp_path / "spool"))
    of_agent = [each for each in heard if each.startswith("builder")]
    assert (of_agent[0], of_agent[-1]) == ("builder join", "builder leave")
    assert set(of_agent[1:-1]) == {"builder heartbeat"}
    of_supervisor = heard[len(of_agent) :]
    assert len(of_supervisor) >= 2, "the first one, and the last state"
    assert set(of_supervisor) == {"supervisor heartbeat"}


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
