"""`python -m makima_cli.demo [FOLDER]`: the fleet and its user, against the makima that MAKIMA_URL and MAKIMA_NATS_URL name, until SIGTERM.

MAKIMA_TOKEN, or the context, has the token of an administrator, who makes theirs.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from makima_sdk.connection import Connection

from makima_cli.demo.fleet_credentials import fleet_credentials
from makima_cli.demo.process import Child, run_until_stopped
from makima_cli.demo.user import play

NAMES: Final = ("daemon-ada", "daemon-grace", "daemon-edsger")
CONNECT_RETRY_SECONDS: Final = 1.0
DAEMON_STOP_TIMEOUT_SECONDS: Final = 6.0  # its agents have 3


async def keep(index: int, name: str, worktrees: Path, env: Mapping[str, str]) -> None:
    """One daemon, started again if it ends."""
    while True:
        daemon = await Child.start(name, "makima_cli.demo.daemon", name, str(index), str(len(NAMES)), str(worktrees / name), env=env)
        try:
            await daemon.ended()
        finally:
            await daemon.stop(DAEMON_STOP_TIMEOUT_SECONDS)
        await asyncio.sleep(CONNECT_RETRY_SECONDS)


async def fleet(folder: Path | None) -> None:
    """With its worktrees in `folder`, which is its own, or in a temporary one."""
    worktrees = folder or Path(tempfile.mkdtemp(prefix="makima-demo-"))
    shutil.rmtree(worktrees, ignore_errors=True)  # of an earlier life that was cut short
    try:
        connection = Connection.default()
        async with fleet_credentials(connection, NAMES) as made, asyncio.TaskGroup() as everybody:
            for index, name in enumerate(NAMES):
                everybody.create_task(keep(index, name, worktrees, made.env(name)))
            everybody.create_task(play(replace(connection, token=made.user)))
    finally:
        shutil.rmtree(worktrees, ignore_errors=True)


if __name__ == "__main__":
    run_until_stopped(fleet(Path(sys.argv[1]) if len(sys.argv) > 1 else None), parent=False)
