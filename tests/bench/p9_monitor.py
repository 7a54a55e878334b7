"""P9: 2 000 monitor sockets, event → socket at 100 events a second, beside a bare broadcast; the gateway's
memory while readers stand still.
"""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import nats as nats_py
import orjson
from makima_local import ports
from makima_local.processes import Program, Runner
from makima_schemas import subjects
from nats.aio.client import Client
from uuid_utils.compat import uuid7

from tests.bench.figure import BenchEnv, Figure
from tests.bench.served import ROOT, TOKEN, percentiles, provisioned, served
from tests.bench.watchers import Watchers, stalled, watching

SOCKETS = 2_000
CONTRACTS = 100
EVENTS_PER_SECOND = 100
SECONDS = 20.0
WARM_UP_SECONDS = 5.0
STALLED = 10
LONG_REASON = "x" * 20_000  # so that what is kept for a reader would show
MONITOR = f"/api/v1/contracts/monitor?token={TOKEN}"
STREAM = f"/api/v1/contracts/monitor/events?since=0&token={TOKEN}"
MANY = 2_500  # events with it: 50 MB, more than the gateway remembers


async def measure(env: BenchEnv) -> list[Figure]:
    dsn = await env.database()
    await provisioned(dsn, env.nats_url)
    nats = await nats_py.connect(env.nats_url)
    try:
        async with (
            served(dsn, env.nats_url, "contract", "gateway") as (gateway, _),
            _broadcasting() as broadcast,
        ):
            contracts = [str(uuid7()) for _ in range(CONTRACTS)]
            for contract in contracts:
                await _ask(nats, contract, "create_contract", {"name": "watched", "owner_id": "local"})
                await _ask(nats, contract, "start_contract", {})
            commands = _commands(contracts, "lunch")
            bare = await _latencies(broadcast, contracts, nats, commands)
            ours = await _latencies(gateway.replace("http", "ws", 1) + MONITOR, contracts, nats, commands)
            growth = await _growth(gateway, contracts, nats)
    finally:
        await nats.close()
    p50, p99 = percentiles(ours.latencies)
    bare_p50, bare_p99 = percentiles(bare.latencies)
    what = f"event → socket, {SOCKETS:,} sockets, {EVENTS_PER_SECOND} events/s, {SOCKETS // CONTRACTS} watch each contract"
    beside = "websockets alone, broadcast"
    return [
        Figure("P9", "monitor sockets at once", ours.connected, "sockets", bare.connected, beside, f"{SOCKETS:,}", ours.connected == SOCKETS),
        Figure("P9", f"{what}, p50", p50, "ms", bare_p50, beside, "", None),
        Figure("P9", f"{what}, p99", p99, "ms", bare_p99, beside, "≤ 250 ms", p99 <= 250),
        Figure(
            "P9", f"memory of the gateway, {STALLED} stalled readers, from the first to the second {MANY * len(LONG_REASON) / 1e6:,.0f} MB said",
            growth, "MiB more", None, None, "≤ 16 MiB", growth <= 16,
        ),
    ]  # fmt: skip


async def _latencies(url: str, contracts: list[str], nats: Client, commands: "Iterator[Command]") -> Watchers:
    """The same events happen while either server is measured: the machine has the same to do."""
    async with watching(url, contracts, SOCKETS) as watchers:
        await _drive(nats, commands, WARM_UP_SECONDS)
        watchers.noting = True
        await _drive(nats, commands, SECONDS)
        await asyncio.sleep(1)
        watchers.noting = False
    return watchers


async def _growth(gateway: str, contracts: list[str], nats: Client) -> float:
    """MiB, between two times that as much was said as nobody should keep."""
    readers = [stalled(f"{gateway}{STREAM}") for _ in range(STALLED)]
    try:
        weights: list[float] = []
        commands = _commands(contracts, LONG_REASON)
        for _ in range(2):
            for _ in range(MANY):
                await _ask(nats, *next(commands))
            await asyncio.sleep(2)
            weights.append(await _mib(gateway))
    finally:
        for reader in readers:
            reader.close()
    return weights[1] - weights[0]


Command = tuple[str, str, dict[str, object]]


def _commands(contracts: list[str], reason: str) -> "Iterator[Command]":
    """Each contract is blocked and unblocked in turn, for ever: each is one event, told to who watches it."""
    for command in cycle(("fail_contract", "reopen_contract")):
        for contract in contracts:
            yield contract, command, {"reason": reason}


async def _drive(nats: Client, commands: "Iterator[Command]", seconds: float) -> None:
    async with asyncio.TaskGroup() as asking:
        begin = time.perf_counter()
        for number in range(int(seconds * EVENTS_PER_SECOND)):
            await asyncio.sleep(max(0.0, begin + number / EVENTS_PER_SECOND - time.perf_counter()))
            asking.create_task(_ask(nats, *next(commands)))


async def _ask(nats: Client, contract: str, command: str, data: dict[str, object]) -> None:
    request = {"command_id": str(uuid7()), "target": contract, "data": data}
    reply = await nats.request(subjects.command("contract", command), orjson.dumps(request), timeout=30)
    if not orjson.loads(reply.data).get("ok"):
        raise RuntimeError(f"{command} was refused: {reply.data!r}")


@asynccontextmanager
async def _broadcasting() -> AsyncGenerator[str]:
    """The address of the bare server, a process of its own."""
    port = ports.free()
    env = {"BARE_PORT": str(port), "BARE_PER_SECOND": str(EVENTS_PER_SECOND)}
    with TemporaryDirectory() as folder:
        async with Runner() as runner:
            command = (sys.executable, "-m", "tests.bench.bare_broadcast")
            runner.start(Program("broadcast", command, ROOT, Path(folder) / "broadcast.log", env=env))
            yield f"ws://127.0.0.1:{port}"


async def _mib(gateway: str) -> float:
    """What the gateway's process weighs, by its own word."""
    async with httpx.AsyncClient() as client:
        lines = (await client.get(f"{gateway}/metrics")).text.splitlines()
    said = next(line for line in lines if line.startswith("process_resident_memory_bytes "))
    return float(said.rpartition(" ")[2]) / 2**20
