"""The whole system as a user starts it: `makima up --json`, in a data folder of its own, on free ports.

A stack that is up already (docker compose) is tested instead with `MAKIMA_E2E_URL=http://127.0.0.1:8420`,
`MAKIMA_E2E_NATS_URL` of the broker's administrator (docs/operations.md says how to ask compose for it),
`MAKIMA_TOKEN` of an administrator, and, for the trace, `MAKIMA_E2E_COLLECTOR=0.0.0.0:4318`: where the
collector of the test listens, at which the stack's `OTEL_EXPORTER_OTLP_ENDPOINT` has to point.
"""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from uuid import uuid4

from tests.forked_processes import forked_programs
from tests.servers import open_folder

READY_WITHIN_SECONDS = 90
STOPS_WITHIN_SECONDS = 60
ELSEWHERE = os.environ.get("MAKIMA_E2E_URL")
COLLECTOR = os.environ.get("MAKIMA_E2E_COLLECTOR")


@dataclass
class Stack:
    """What `makima up --json` said, and what it says since then on stderr."""

    url: str
    nats_url: str
    database_url: str
    token: str
    data_dir: Path
    services: Mapping[str, int]
    metrics: Mapping[str, str]
    process: Process
    news: list[str] = field(default_factory=list[str])

    def log(self, service: str) -> list[dict[str, object]]:
        """The log lines of a service, as the structured events they are."""
        lines = (self.data_dir / "logs" / f"{service}.log").read_text().splitlines()
        return [cast("dict[str, object]", json.loads(line)) for line in lines if line.startswith("{")]


def own_folder(parent: Path, name: str) -> Path:
    """A data folder that the user `pgserver` may enter, too."""
    return open_folder(parent / f"{name}-{uuid4().hex[:8]}")


@asynccontextmanager
async def running(folder: Path, *arguments: str, cold: bool = False, **env: str) -> AsyncGenerator[Stack]:
    """Up on entry, drained on exit; `folder` must be one that the user `pgserver` may enter.

    `cold`: each program is started as a user starts it, with imports of its own, not forked from one that has
    imported everything.
    """
    command = (
        sys.executable,
        "-m",
        "makima_cli.main",
        "up",
        "--json",
        "--data-dir",
        str(folder / "data"),
        "--port",
        "0",
        "--nats-port",
        "0",
        *arguments,
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKIMA_", "OTEL_"))}
    where = {"XDG_CONFIG_HOME": str(folder / "config"), "MAKIMA_STREAM_BUDGET": "0.05"}
    with nullcontext() if cold else forked_programs():
        process = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env={**clean, **where, **env}, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
    news: list[str] = []
    reading = asyncio.create_task(_read(process, news))
    try:
        yield await _ready(process, news)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(STOPS_WITHIN_SECONDS):
                await process.wait()
        await reading


async def _ready(process: Process, news: list[str]) -> Stack:
    assert process.stdout is not None
    async with asyncio.timeout(READY_WITHIN_SECONDS):
        line = await process.stdout.readline()
    assert line, "".join(news)
    said = json.loads(line)
    return Stack(
        said["url"],
        said["nats_url"],
        said["database_url"],
        said["token"],
        Path(said["data_dir"]),
        said["services"],
        said["metrics"],
        process,
        news,
    )


async def _read(process: Process, news: list[str]) -> None:
    assert process.stderr is not None
    async for line in process.stderr:
        news.append(line.decode())  # noqa: PERF401 - each line is news at once
