"""RU: services of the last release and of this checkout serve at once, then the new ones alone."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg
from makima_local.postgres import Postgres

from tests.faults.comparison import Comparison
from tests.faults.outcome import compared
from tests.faults.skipped import SkippedError
from tests.faults.trial import QUICK, Trial, under_load
from tests.servers import OwnNats
from tests.whole_system import SERVICES, whole_system

RELEASE: Final = "2e943b7"
ROOT: Final = Path(__file__).parents[2]
# The release's gateway reads its tables by the number of their columns, so that it cannot serve beside a migration that
# adds one; later ones can (`read_model/storage.py`). It is replaced before the others, which roll.
REPLACED: Final = "gateway"
ROLLED: Final = tuple(service for service in SERVICES if service != REPLACED)
NEW: Final = tuple(f"{service}-1" for service in SERVICES)
BOTH_ACKNOWLEDGE: Final = 200  # commands, while both serve
# Appends contracts as the release does: its log has not today's function yet.
CREATE: Final = """
import asyncio, os, sys, uuid
import asyncpg
from makima_kernel.event_log.append import SQL, Append, arguments, new_event
from makima_schemas.contract.events import ContractCreated
from makima_schemas.contract.model import Phase
from makima_schemas.envelope import EventMeta

async def create():
    phases = (Phase("plan"),)
    made = ContractCreated("demo", "", "simple", "ada", phases, phase_guard=False, auto_complete_enabled=True)
    meta = EventMeta(actor="test", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    batch = [
        Append("default", f"contract-{each}", uuid.uuid4(), b"request", 0, (new_event(made),), meta)
        for each in sys.argv[1:]
    ]
    connection = await asyncpg.connect(os.environ["MAKIMA_DATABASE_URL"])
    await connection.fetch(SQL, *arguments(batch))
    await connection.close()

asyncio.run(create())
"""


async def show(place: Path) -> list[Comparison]:
    with checked_out(place / "code") as code:
        python = await installed(code)
        postgres, broker = Postgres(place / "pg", tied=True), OwnNats(place / "nats", tied=True)
        try:
            await asyncio.gather(postgres.start(), broker.start())
            dsn = await postgres.ensure_database("makima")
            await migrated(dsn, python)
            return await upgraded(place, postgres, broker, dsn, python)
        finally:
            await asyncio.gather(postgres.stop(), broker.stop())


async def upgraded(
    place: Path, postgres: Postgres, broker: OwnNats, dsn: str, python: Path
) -> list[Comparison]:
    async with whole_system(
        postgres.dsn(), dsn, broker.url, place, replicas=2, cold=True, env=QUICK
    ) as system:
        system.pythons = dict.fromkeys(SERVICES, python)

        async def old_ones() -> None:
            system.start(*SERVICES)
            await system.ready(*SERVICES)

        async def created_by_the_release(_: asyncpg.Pool, contract_ids: Sequence[str]) -> None:
            await ran(python, "-c", CREATE, *contract_ids, env={"MAKIMA_DATABASE_URL": dsn})

        async with under_load(
            "RU", postgres, broker, system, begin=old_ones, create=created_by_the_release
        ) as trial:
            trial.dies("t0")
            await trial.acknowledges(50)
            # Ids are made with a secret since: a creation that the release began is no longer the same command.
            await trial.writers.done()
            await system.runner.stop(REPLACED)
            await migrated(dsn, Path(sys.executable), "--stage", "pre")
            system.start(*NEW)
            trial.writers.begin()
            await system.ready(*NEW)
            await both_serve(trial)
            await system.runner.stop(*ROLLED)
            await migrated(dsn, Path(sys.executable), "--stage", "post")
            trial.dies("t4")
            await trial.recovers()
            await trial.acknowledges(50)
            trial.notes.append(f"{RELEASE} and this checkout at once, then this checkout alone")
            return await compared(trial)


async def both_serve(trial: Trial) -> None:
    """Also after the leases have gone from old to new, and back."""
    trial.dies("t1")
    await trial.acknowledges(BOTH_ACKNOWLEDGE // 2)
    for service in ROLLED:
        await trial.kill(service)
    trial.dies("t2")
    await trial.acknowledges(BOTH_ACKNOWLEDGE // 4)
    for name in NEW:
        await trial.kill(name)
    trial.dies("t3")
    await trial.acknowledges(BOTH_ACKNOWLEDGE // 4)


async def migrated(dsn: str, python: Path, *arguments: str) -> None:
    await ran(python, "-m", "makima_kernel.event_log.migrate", *arguments, env={"MAKIMA_DATABASE_URL": dsn})


async def ran(python: Path, *arguments: str, env: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        python, *arguments, env={**os.environ, **env}, stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0


async def installed(code: Path) -> Path:
    """The interpreter of the release, with what it was locked to."""
    making = await asyncio.create_subprocess_exec(
        *("make", "-C", str(code), ".venv/.run"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await making.communicate()
    if making.returncode:
        raise SkippedError(f"the last release, {RELEASE}, cannot be installed: {said.decode()[-200:]}")
    return code / ".venv" / "bin" / "python"


@contextmanager
def checked_out(place: Path) -> Generator[Path]:
    """The code of the release. Raises `SkippedError` where the history does not reach so far back."""
    known = subprocess.run(
        ["git", "cat-file", "-e", f"{RELEASE}^{{commit}}"], cwd=ROOT, check=False, capture_output=True
    )
    if known.returncode:
        raise SkippedError(f"the last release, {RELEASE}, is not in this checkout's history")
    add = ["git", "worktree", "add", "--detach", str(place), RELEASE]
    subprocess.run(add, cwd=ROOT, check=True, capture_output=True)
    try:
        yield place
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(place)], cwd=ROOT, check=True)
