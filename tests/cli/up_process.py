"""`makima up` as a process of its own, with services that only say that they are ready."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import cast

from makima_kernel.testing import PATIENCE

SERVICE = """
import http.server, os, signal, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"{}")
    def log_message(self, *_):
        pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print({name: value for name, value in os.environ.items() if name.startswith("MAKIMA_")}, flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["MAKIMA_HEALTH_PORT"])), Health).serve_forever()
"""
Ready = Mapping[str, object]


class Up:
    """A running `makima up`."""

    def __init__(self, process: Process, ready: Ready) -> None:
        self.process = process
        self.ready = ready
        self.news: list[str] = []
        self._reading = asyncio.create_task(self._read())

    def pids(self, what: str) -> Mapping[str, int]:
        return cast("Mapping[str, int]", self.ready[what])

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), PATIENCE)

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.news.append(line.decode())


async def start(folder: Path, *arguments: str, **env: str) -> Process:
    command = (sys.executable, "-m", "makima_cli.main", "up", *arguments)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKIMA_")}
    own = {"PYTHONPATH": str(folder / "site"), "XDG_CONFIG_HOME": str(folder / "config")}
    return await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**clean, **own, **env}, stdout=PIPE, stderr=PIPE
    )


Begin = Callable[..., Awaitable[Up]]


async def fails(folder: Path, *arguments: str, **env: str) -> tuple[int | None, str]:
    process = await start(folder, *arguments, **env)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert out == b""
    return process.returncode, err.decode()


def is_there(path: str) -> bool:
    return Path(path).exists()
