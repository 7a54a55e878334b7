"""`python -m makima_cli.demo [FOLDER]`: runs the fleet and its person until SIGTERM.

It uses the servers that MAKIMA_URL and MAKIMA_NATS_URL (or the context) name. MAKIMA_TOKEN, the file that
MAKIMA_TOKEN_FILE names, or the context, must have an administrator's token, which creates the tokens of the fleet.
"""

import asyncio
import shutil
import sys
import tempfile
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

from makima_sdk.connection import Connection
from makima_sdk.http import Http
from makima_sdk.problems import MakimaError

from makima_cli.demo import lifeline
from makima_cli.demo.fleet_credentials import fleet_credentials
from makima_cli.demo.machines import NAMES, Machine
from makima_cli.demo.process import run_until_stopped, say
from makima_cli.demo.user import play

CLEANUP_SECONDS: Final = 60.0
CONNECTED_SECONDS: Final = 60.0
CONNECTED_POLL_SECONDS: Final = 0.5


async def fleet(folder: Path | None) -> None:
    """Run the fleet until cancelled. Its machines are in `folder`, or in a temporary one."""
    temporary = Path(tempfile.mkdtemp(prefix="makima-demo-"))  # mode 700
    place = folder or temporary
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with closing(lifeline.hold(place / "lifeline")):
            await _run(place, temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


async def _run(place: Path, secrets: Path) -> None:
    connection = Connection.default()
    async with fleet_credentials(connection, NAMES) as made, asyncio.TaskGroup() as everybody:
        for name in NAMES:
            machine = Machine(name, place / name, place / "lifeline")
            everybody.create_task(machine.keep(made.env(name, secrets)))
        everybody.create_task(_clean_up(connection))
        await _connected(connection)
        everybody.create_task(play(replace(connection, token=made.user)))


async def _connected(connection: Connection) -> None:
    """Wait for all daemons, so that each gets its share of the contracts; not for ever. An owner sees only those that
    run contracts of his, so that this is asked as an administrator.
    """
    async with Http(connection.url, connection.token) as http:
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECTED_SECONDS):
                while not await _are_connected(http):  # noqa: ASYNC110 - of another process
                    await asyncio.sleep(CONNECTED_POLL_SECONDS)


async def _are_connected(http: Http) -> bool:
    try:
        items = cast("list[dict[str, Any]]", (await http.send("GET", "/daemons")).body["items"])
    except MakimaError as error:
        say(f"the person waits: {error}")
        return False
    return {str(each["id"]) for each in items if each["connected"] and each["capacity"]}.issuperset(NAMES)


async def _clean_up(connection: Connection) -> None:
    """Have the daemons remove the folders of contracts that have ended, from time to time, as an operator does."""
    async with Http(connection.url, connection.token) as http:
        while True:
            await asyncio.sleep(CLEANUP_SECONDS)
            try:
                wanted = {"operation": "cleanup_worktrees", "older_than_hours": 0}
                await http.send("POST", "/contracts/batch", wanted)
            except MakimaError as error:
                say(f"no clean-up: {error}")


if __name__ == "__main__":
    run_until_stopped(fleet(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
