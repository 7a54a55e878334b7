"""P12: a supervisor's save of 10 kB, and the restoration of 1 MiB, over HTTP on a running system."""

import asyncio
import time
from datetime import UTC, datetime
from statistics import median, quantiles

import httpx
import nats as nats_py
import orjson
from makima_schemas import subjects
from nats.aio.client import Client

from tests.bench.figure import BenchEnv, Figure
from tests.bench.served import TOKEN, provisioned, served

SAVES = 600
SAVE_BYTES = 10_000
HISTORY_SAVES = 105  # a little more than 1 MiB of them
RESTORATIONS = 15


async def measure(env: BenchEnv) -> list[Figure]:
    dsn = await env.database()
    await provisioned(dsn, env.nats_url)
    nats = await nats_py.connect(env.nats_url)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        served(dsn, env.nats_url, "contract", "supervisor_heartbeat", "gateway") as (ours, _),
        httpx.AsyncClient(base_url=f"{ours}/api/v1", headers=headers, timeout=30) as http,
    ):
        saving = [await _save(http, each) for each in [await _supervised(http, nats, "s1")] * SAVES]
        path = await _supervised(http, nats, "s2")
        for _ in range(HISTORY_SAVES):
            await _save(http, path)
        restoring = [await _restore(http, path, number) for number in range(RESTORATIONS)]
    await nats.close()
    p99 = quantiles(saving, n=100)[98]
    whole = median(restoring)
    return [
        Figure("P12", "save of 10 kB, one after the other, p50", median(saving), "ms", None, None, "", None),
        Figure("P12", "save of 10 kB, one after the other, p99", p99, "ms", None, None, "≤ 30 ms", p99 <= 30),
        Figure("P12", "restoration of 1 MiB, median", whole, "ms", None, None, "≤ 300 ms", whole <= 300),
    ]


async def _supervised(http: httpx.AsyncClient, nats: Client, task_id: str) -> str:
    """The path of a supervisor that was heard."""
    contract = (await http.post("/contracts", json={"name": "a contract"})).json()["id"]
    beat = {
        "task_id": task_id,
        "contract_id": contract,
        "state": "working",
        "phase": "plan",
        "connection_id": "k",
        "timestamp": datetime.now(UTC),
    }
    await nats.jetstream().publish(subjects.supervisor_heartbeat("d1", task_id), orjson.dumps(beat))
    path = f"/contracts/{contract}/supervisor"
    while (await http.get(f"{path}/status")).status_code != 200:  # noqa: ASYNC110 - another process tells nobody
        await asyncio.sleep(0.05)
    return path


async def _save(http: httpx.AsyncClient, path: str) -> float:
    """In milliseconds."""
    message = {"role": "assistant", "content": "x" * SAVE_BYTES}
    begin = time.perf_counter()
    answer = await http.post(f"{path}/state", json={"kind": "conversation", "messages": [message]})
    answer.raise_for_status()
    return (time.perf_counter() - begin) * 1000


async def _restore(http: httpx.AsyncClient, path: str, number: int) -> float:
    begin = time.perf_counter()
    asked = {"daemon_id": "d1", "connection_id": f"k{number}"}
    answer = (await http.post(f"{path}/restore", json=asked)).raise_for_status()
    if len(answer.content) < 1_000_000:
        raise RuntimeError(f"not the whole history: {answer.text[:200]}")
    return (time.perf_counter() - begin) * 1000
