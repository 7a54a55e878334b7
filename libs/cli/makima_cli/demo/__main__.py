"""`python -m makima_cli.demo [FOLDER]`: runs the fleet and its user until SIGTERM.

It uses the servers that MAKIMA_URL and MAKIMA_NATS_URL (or the context) name. MAKIMA_TOKEN, the file that
MAKIMA_TOKEN_FILE names, or the context, must have an administrator's token, which creates the tokens of the fleet.
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
DAEMON_STOP_TIMEOUT_SECONDS: Final = 6.0  # twice the 3 s that a daemon gives its agents


async def keep(index: int, name: str, worktrees: Path, env: Mapping[str, str]) -> None:
    """Run one daemon process, and restart it whenever it ends."""
    while True:
        daemon = await Child.start(
            name, "makima_cli.demo.daemon", name, str(index), str(len(NAMES)), str(worktrees / name), env=env
        )
        try:
            await daemon.ended()
        finally:
            await daemon.stop(DAEMON_STOP_TIMEOUT_SECONDS)
        await asyncio.sleep(CONNECT_RETRY_SECONDS)


async def fleet(folder: Path | None) -> None:
    """Run the fleet until cancelled. Its worktrees are in `folder`, whose content is deleted, or in a
    temporary folder.
    """
    worktrees = folder or Path(tempfile.mkdtemp(prefix="makima-demo-"))
    shutil.rmtree(worktrees, ignore_errors=True)  # left by an earlier run that was killed
    secrets = Path(tempfile.mkdtemp(prefix="makima-demo-"))  # mode 700
    try:
        connection = Connection.default()
        async with fleet_credentials(connection, NAMES) as made, asyncio.TaskGroup() as everybody:
            for index, name in enumerate(NAMES):
                everybody.create_task(keep(index, name, worktrees, made.env(name, secrets)))
            everybody.create_task(play(replace(connection, token=made.user)))
    finally:
        for made_here in (worktrees, secrets):
            shutil.rmtree(made_here, ignore_errors=True)


if __name__ == "__main__":
    run_until_stopped(fleet(Path(sys.argv[1]) if len(sys.argv) > 1 else None), parent=False)
