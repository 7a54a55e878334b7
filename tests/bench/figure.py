"""What a benchmark measures, on what, and beside what: a figure alone says nothing about a noisy machine."""

import asyncio
import os
import platform
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import psutil
from makima_local.nats import Nats
from makima_local.postgres import Postgres

from tests.template import prepared_template


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `target` is its line in the targets (`P1`), `baseline` was measured side by side
    in the same run, `wanted` says in words what `met` answers; None: nothing was asked for.
    """

    target: str
    what: str
    value: float
    unit: str
    baseline: float | None
    baseline_what: str | None
    wanted: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured."""

    cpu: str
    cores: int
    ram_gib: float
    system: str

    @classmethod
    def this(cls) -> "Machine":
        models = [
            line.partition(":")[2].strip()
            for line in _lines(Path("/proc/cpuinfo"))
            if line.startswith("model name")
        ]
        return cls(
            cpu=models[0] if models else platform.processor() or platform.machine(),
            cores=os.cpu_count() or 1,
            ram_gib=round(psutil.virtual_memory().total / 2**30, 1),
            system=f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        )


@dataclass(frozen=True, slots=True)
class BenchEnv:
    """The embedded servers, durable (fsync on), fresh for each benchmark module."""

    postgres: Postgres
    nats: Nats
    template: str
    minutes: float = 1.0  # of what is watched for as long as is asked for: `--minutes`

    @property
    def nats_url(self) -> str:
        return self.nats.url

    async def database(self) -> str:
        """The DSN of a fresh, migrated database."""
        name = f"bench_{uuid4().hex[:8]}"
        admin = await asyncpg.connect(self.postgres.dsn())
        await admin.execute(f'create database "{name}" template "{self.template}"')
        await admin.close()
        return self.postgres.dsn(name)


@asynccontextmanager
async def bench_env(minutes: float = 1.0) -> AsyncGenerator[BenchEnv]:
    """Starts the servers in a folder of their own, and leaves nothing behind."""
    folder = _folder()
    postgres, nats = Postgres(folder / "pg", durable=True, tied=True), Nats(folder / "nats", tied=True)
    try:
        await asyncio.gather(postgres.start(), nats.start())
        yield BenchEnv(postgres, nats, await prepared_template(postgres.dsn), minutes)
    finally:
        await asyncio.gather(postgres.stop(), nats.stop())
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _folder() -> Path:
    """Short, for the socket, and open for the user that Postgres runs as."""
    folder = Path(tempfile.mkdtemp(prefix="mkb-", dir="/tmp"))
    folder.chmod(0o711)
    return folder


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []
