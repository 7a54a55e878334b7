"""Processes that a benchmark measures or loads: started, and stopped at the end."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


@asynccontextmanager
async def process(module: str, *arguments: str, env: dict[str, str] | None = None) -> AsyncGenerator[Process]:
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdin=PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield running
    finally:
        running.terminate()
        await running.wait()
