"""P13: what the ways in cost agents that know nothing of makima: a hook beside an empty Python, a call of an MCP tool,
and a wrapped command, beside the command alone.
"""

import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import psutil
from makima_kernel.testing import eventually
from makima_sdk import Contracts, Http
from mcp import Client, StdioServerParameters

from tests.bench.figure import BenchEnv, Figure
from tests.bench.served import TOKEN, provisioned, served

HOOKS = 40
TOOL_CALLS = 200
WRAPPED_SECONDS = 60.0
HOOK = "import sys; sys.argv[1:] = ['hook']; from makima_cli.entry import main; main()"
EVENT = b'{"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {"command": "make test"}}'
# As quiet as a command can be, and it runs in the same interpreter.
COMMAND = (sys.executable, "-c", "import signal; signal.pause()")


async def measure(env: BenchEnv) -> list[Figure]:
    figures = await hooks()
    dsn = await env.database()
    await provisioned(dsn, env.nats_url)
    async with served(dsn, env.nats_url, "contract", "gateway", "supervisor_heartbeat") as (url, _):
        async with Http(url, TOKEN) as http:
            contract = await Contracts(http).create("a contract")
            await Contracts(http).act(contract.id, "start")
        agent = {**os.environ, "MAKIMA_URL": url, "MAKIMA_TOKEN": TOKEN, "MAKIMA_CONTRACT": contract.id}
        return [*figures, *await tool_calls(agent), *await wrapped(agent)]


async def hooks() -> list[Figure]:
    """In turn with an empty Python, so that both meet the same machine."""
    ours: list[float] = []
    plain: list[float] = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "daemon.sock"
        async with await asyncio.start_unix_server(_answers, path):
            env = {"MAKIMA_DAEMON_SOCKET": str(path), "MAKIMA_CONTRACT": "c1", "MAKIMA_ROLE": "builder"}
            for _ in range(HOOKS):
                plain.append(await _took("pass", {}))
                ours.append(await _took(HOOK, env))
    p50, p95 = median(ours), quantiles(ours, n=20)[18]
    beside, what = "python -c pass", "makima hook, from its start to its end"
    return [
        Figure("P13", f"{what}, p50", p50, "ms", median(plain), beside, "≤ 150 ms", p50 <= 150),
        Figure("P13", f"{what}, p95", p95, "ms", quantiles(plain, n=20)[18], beside, "≤ 150 ms", p95 <= 150),
    ]


async def tool_calls(env: dict[str, str]) -> list[Figure]:
    """Read the contract: three requests to the gateway; report: none."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "makima_cli.main", "mcp", "--role", "model"], env=env
    )
    taken: dict[str, list[float]] = {"read_contract": [], "report_progress": []}
    async with Client(server) as client:
        for number in range(TOOL_CALLS):
            for tool, given in (("read_contract", {}), ("report_progress", {"activity": str(number % 7)})):
                began = time.perf_counter()
                if (await client.call_tool(tool, given)).is_error:
                    raise RuntimeError(f"{tool} was refused")
                taken[tool].append((time.perf_counter() - began) * 1000)
    return [
        Figure("P13", f"MCP: {tool}, p50", median(each), "ms", None, None, "≤ 50 ms", median(each) <= 50)
        for tool, each in taken.items()
    ]


async def wrapped(env: dict[str, str]) -> list[Figure]:
    """What `makima run` uses beside its command, once it has started."""
    arguments = ("-m", "makima_cli.main", "run", "--role", "wrapped", "--", *COMMAND)
    async with _process(sys.executable, *arguments, env=env) as run, _process(*COMMAND, env=env) as alone:
        await eventually(lambda: bool(run.children()))
        await asyncio.sleep(2)  # until it has joined and looked at its command
        before = _cpu_seconds(run)
        await asyncio.sleep(WRAPPED_SECONDS)
        share = (_cpu_seconds(run) - before) / WRAPPED_SECONDS * 100
        memory, bare = (_own_mib(each) for each in (run, alone))
    what, beside = "makima run, beside a command that waits", "the command alone"
    return [
        Figure("P13", f"{what}: processor", share, "% of a core", None, None, "≤ 0.2 %", share <= 0.2),
        Figure("P13", f"{what}: own memory", memory, "MiB", bare, beside, "≤ 40 MiB", memory <= 40),
    ]


async def _answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b'{"ok": true}\n')
    writer.close()


async def _took(code: str, env: dict[str, str]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=asyncio.subprocess.PIPE, stdout=DEVNULL, env=env
    )
    await process.communicate(EVENT)
    return (time.perf_counter() - began) * 1000


@asynccontextmanager
async def _process(*command: str, env: dict[str, str]) -> AsyncGenerator[psutil.Process]:
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=DEVNULL, env=env)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _own_mib(process: psutil.Process) -> float:
    """What it has for itself (USS): shared libraries are there anyway."""
    return process.memory_full_info().uss / 2**20
