"""The commands on a platform without POSIX: what cannot run there says so in one line, and what else does it; all
others are imported.
"""

import subprocess
import sys

import orjson
import pytest

# The modules of others first: they look at the platform, too, and this one is only dressed up.
DRESSED_UP = """
import asyncio, ctypes, multiprocessing, os, pathlib, shutil, signal, ssl, subprocess, sys, sysconfig, tempfile, uuid
import _socket, socket
import click, click.testing, psutil
sysconfig.get_config_vars()
for name in ("fcntl", "grp", "posix_spawn", "pty", "pwd", "resource", "syslog", "termios", "tty", "uvloop"):
    sys.modules[name] = None
for name in ("SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGTTOU", "SIGCONT", "SIGSTOP", "SIGCHLD", "SIGPIPE"):
    delattr(signal, name)
for name in ("killpg", "getpgrp", "getpgid", "tcsetpgrp", "fork", "geteuid", "getuid", "setsid", "setuid"):
    delattr(os, name)
del _socket.AF_UNIX, socket.AF_UNIX
sys.platform = "win32"
"""
EVERY_COMMAND = f"""
{DRESSED_UP}
import importlib
from makima_cli import main, windows

for path, (where, _) in main.COMMANDS.items():
    module = where.partition(":")[0]
    if path in windows.INSTEAD or path == "mcp":  # its library looks for a signal of Windows
        continue
    importlib.import_module(module)
for module in ("run.command", "hook.send", "hook.command", "hook.install"):
    importlib.import_module(f"makima_cli.{{module}}")
"""
A_COMMAND = f"""
{DRESSED_UP}
from makima_cli.main import main
main(sys.argv[1:])
"""


def run(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


def test_every_other_command_is_imported_where_no_posix_module_is() -> None:
    ran = run(EVERY_COMMAND)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("arguments", "instead"),
    [
        (("run", "--contract", "c", "--role", "r", "--", "sleep", "1"), "makima_sdk"),
        (("hook", "install", "--yes"), "makima mcp"),
        (("daemon", "start", "--config", "daemon.toml"), "WSL"),
    ],
)
def test_a_command_that_needs_posix_says_in_one_line_what_else_does_it(
    arguments: tuple[str, ...], instead: str
) -> None:
    """It ended with a traceback of an import, or of a signal that is not there."""
    ran = run(A_COMMAND, *arguments)
    assert (ran.returncode, ran.stdout) == (1, "")
    (line,) = ran.stderr.splitlines()
    assert "does not run on Windows" in line
    assert instead in line


def test_it_is_a_problem_for_who_reads_json() -> None:
    ran = run(A_COMMAND, "doctor", "--format", "json")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert orjson.loads(ran.stderr)["code"] == "UNSUPPORTED_PLATFORM"


def test_a_hook_gets_in_nobodys_way() -> None:
    ran = run(A_COMMAND, "hook")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
