"""`python -m tests.history.dump COMMIT`: runs the code of a commit with its demo fleet, and dumps its database.

The dump goes to `tests/history/databases/<commit>.sql.xz`: what a user of that version has when the next one is
installed. The run needs the dependencies of this checkout's environment to be enough for that commit.
"""

import argparse
import asyncio
import lzma
import os
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg
import orjson
from makima_local.account import account
from makima_local.postgres_binaries import binaries

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = Path(__file__).parent / "databases"
UP: Final = ("-m", "makima_cli.main", "up", "--demo", "--json", "--port", "0", "--nats-port", "0")
# What a dump must have something of.
WANTED: Final = frozenset(
    (
        *("SupervisorRegistered", "SupervisorStateChanged", "DaemonConnected", "DaemonDisconnected"),
        *(
            "TaskCreated",
            "TaskReleased",
            "TaskFailed",
            "QuestionAnswered",
            "StaleDetected",
            "SilenceDetected",
        ),
        *("ContractCompleted", "ContractReopened", "PhaseChanged", "CompletionDetected"),
    )
)
PATIENCE_SECONDS: Final = 420.0
# As SQL that any client executes, without the telemetry, which is dropped after a day anyway.
OPTIONS: Final = (
    *("--no-owner", "--no-privileges", "--inserts", "--rows-per-insert=100"),
    "--exclude-table-data=supervisor_heartbeat.heartbeats_p*",
)


@asynccontextmanager
async def running(code: Path, data: Path) -> "AsyncGenerator[str]":
    """The system of the checkout `code`; yields the DSN of its database."""
    folders = [*sorted((code / "libs").iterdir()), *sorted((code / "services").iterdir()), code]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *UP, "--data-dir", str(data), env=env, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield str(orjson.loads(await process.stdout.readline())["database_url"])
    finally:
        process.terminate()
        await process.wait()


async def grown(dsn: str) -> None:
    """Until the log has every event that is wanted, or the patience ends."""
    connection = await asyncpg.connect(dsn)
    with_all = "select array_agg(distinct type) from event_log.events"
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while missing := WANTED - set(await connection.fetchval(with_all) or ()):
                sys.stderr.write(f"not yet in the log: {', '.join(sorted(missing))}\n")
                await asyncio.sleep(10)
    finally:
        await connection.close()


async def dumped(code: Path, data: Path) -> bytes:
    """The database of the checkout `code`, as SQL, once it has grown."""
    async with running(code, data) as dsn:
        await grown(dsn)
        command = (str(binaries(account()) / "pg_dump"), *OPTIONS, dsn)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        sql, _ = await process.communicate()
        assert process.returncode == 0
        return sql


def dump(commit: str) -> Path:
    with tempfile.TemporaryDirectory(prefix="mkh-", dir="/tmp") as place:
        Path(place).chmod(0o711)  # the user of the embedded Postgres must be able to enter it
        code = Path(place) / "code"
        subprocess.run(["git", "worktree", "add", "--detach", str(code), commit], cwd=ROOT, check=True)
        try:
            sql = asyncio.run(dumped(code, Path(place) / "data"))
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(code)], cwd=ROOT, check=True)
    target = FOLDER / f"{commit}.sql.xz"
    target.write_bytes(lzma.compress(sql, preset=9 | lzma.PRESET_EXTREME))
    return target


def load(path: Path) -> str:
    """The SQL of a dump, without the two lines that only `psql` reads."""
    lines = lzma.decompress(path.read_bytes()).decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("\\restrict", "\\unrestrict")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.history.dump", description=__doc__)
    parser.add_argument("commit")
    sys.stdout.write(f"{dump(parser.parse_args().commit)}\n")
