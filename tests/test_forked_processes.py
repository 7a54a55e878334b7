"""A forked program is to whoever started it what a started one is: a child with pipes, a session, signals and
an exit code.
"""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.forked_processes import forked_programs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can do this")


@pytest.fixture(autouse=True)
def forked() -> Iterator[None]:
    with forked_programs():
        yield


async def makima(*arguments: str, folder: Path, own_session: bool = False, **env: str) -> Process:
    command = (sys.executable, "-m", "makima_cli.main", *arguments)
    own = {"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": str(folder), **env}
    return await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=own, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=own_session
    )


async def test_its_output_and_its_exit_code_are_told(tmp_path: Path) -> None:
    asked = await makima("--help", folder=tmp_path)
    out, err = await asked.communicate()
    assert (asked.returncode, out.startswith(b"Usage:"), err) == (0, True, b"")
    misspelt = await makima("contracts", "lits", folder=tmp_path)
    out, err = await misspelt.communicate()
    assert (misspelt.returncode, out, b"lits" in err) == (2, b"", True)


async def test_it_has_the_environment_that_it_was_given(tmp_path: Path) -> None:
    alone = await makima("contracts", "list", folder=tmp_path, MAKIMA_URL="http://127.0.0.1:9")
    _, err = await alone.communicate()
    assert (alone.returncode, b"http://127.0.0.1:9" in err) == (8, True)


@pytest.mark.parametrize(
    ("what", "code"),
    [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)],
)
async def test_it_is_a_child_in_a_session_of_its_own_and_takes_signals(
    tmp_path: Path, what: signal.Signals, code: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        waiting = await makima("contracts", "list", "--url", url, folder=tmp_path, own_session=True)
        await asyncio.to_thread(silent.accept)  # it has asked, and will get no answer
        process = psutil.Process(waiting.pid)
        assert (process.ppid(), os.getsid(waiting.pid), process.cwd()) == (
            os.getpid(),
            waiting.pid,
            str(tmp_path),
        )
        waiting.send_signal(what)
        await waiting.communicate()
    assert waiting.returncode == code


async def test_a_fork_server_of_its_own_is_its_child_and_ends_with_it(tmp_path: Path) -> None:
    """The fleet has a fork server of its own for its daemons; it starts none, as nobody lets it in."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = {
            "PATH": os.environ["PATH"],
            "MAKIMA_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "MAKIMA_NATS_URL": "nats://127.0.0.1:9",
        }
        fleet = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "makima_cli.demo", cwd=tmp_path, env=env, stdin=DEVNULL
        )
        await asyncio.to_thread(silent.accept)
        [server] = psutil.Process(fleet.pid).children()
        fleet.kill()
        await fleet.wait()
    await asyncio.to_thread(server.wait, 60)
