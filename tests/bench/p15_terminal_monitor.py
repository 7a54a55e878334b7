"""P15: `makima contracts monitor` before 10 000 contracts, each with an agent, of which 200 change each second: how long
a key waits for its frame, beside the same keys while nothing changes, and whether its memory grows. `--minutes` says for
how long. The first figure is of before the agents join: runs that lack it had no agents at all.

The terminal is textual's headless one: what a real one takes to show the bytes is not measured.
"""

import asyncio
import gc
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import cycle
from statistics import median, quantiles
from typing import Final

import asyncpg
import psutil
from makima_cli.monitor.app import MonitorApp, Picture
from makima_cli.monitor.feed import Feed
from makima_cli.monitor.run import settle
from makima_cli.monitor.state import MonitorState
from makima_kernel.testing import eventually
from makima_sdk import Connection, Filter
from textual import events

from tests.bench.changing import Rate, changed_by_another_process, create, join, shown
from tests.bench.figure import BenchEnv, Figure
from tests.bench.served import TOKEN, provisioned, served

CONTRACTS: Final = 10_000
UPDATES_PER_SECOND: Final = 200
SIZE: Final = (200, 50)  # columns and lines: the contract under the cursor stands beside the lists
KEYS: Final = ("j", "j", "k", "2", "j", "1", "s", "s", "s", "s", "3", "1", "escape")
BETWEEN_KEYS_SECONDS: Final = 0.15
STILL_SECONDS: Final = 15.0
WARM_UP_SECONDS: Final = 20.0
PATIENCE_SECONDS: Final = 30.0
AGENTS_PATIENCE_SECONDS: Final = 120.0  # so many are read every 40 s
SAMPLES: Final = 8  # of the memory, one each second


async def measure(env: BenchEnv) -> list[Figure]:
    dsn = await env.database()
    await provisioned(dsn, env.nats_url)
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
        contracts = await create(pool, CONTRACTS)
        async with served(dsn, env.nats_url, "contract", "gateway") as (gateway, _):
            await shown(gateway, CONTRACTS)
            async with _monitor(gateway) as (picture, state):
                await eventually(lambda: _is_read(state), PATIENCE_SECONDS, every=0.1)
                alone = await _keys(picture, STILL_SECONDS)
                await join(pool, contracts)
                await eventually(lambda: _have_joined(state), AGENTS_PATIENCE_SECONDS, every=0.1)
                still = await _keys(picture, STILL_SECONDS)
                async with changed_by_another_process(dsn, UPDATES_PER_SECOND):
                    await _keys(picture, WARM_UP_SECONDS)
                    told = Rate(-(state.position or 0))
                    waits = await _keys(picture, env.minutes * 30)
                    before, live = await _memory()
                    waits += await _keys(picture, env.minutes * 30)
                    told.count += state.position or 0
                    rate = told.per_second()
                    after, lives = await _memory()
                    grown, more = after - before, 100 * (lives - live) / live
    p95, still_p95, alone_p95 = (quantiles(each, n=20)[18] for each in (waits, still, alone))
    what = f"terminal monitor, {CONTRACTS:,} contracts and as many agents, {UPDATES_PER_SECOND}/s"
    without = f"terminal monitor, {CONTRACTS:,} contracts, no agents, nothing changes"
    return [
        Figure("P15", f"{without}: a key's frame, p95", alone_p95, "ms", still_p95, "with agents", "≤ 50 ms", alone_p95 <= 50),
        Figure("P15", f"{what}: a key's frame, p50", median(waits), "ms", median(still), "nothing changes", "", None),
        Figure("P15", f"{what}: a key's frame, p95", p95, "ms", still_p95, "nothing changes", "≤ 50 ms", p95 <= 50),
        Figure("P15", f"{what}: told", rate, "/s", None, None, f"≥ {0.95 * UPDATES_PER_SECOND:g}", rate >= 0.95 * UPDATES_PER_SECOND),
        Figure("P15", f"{what}: memory, the second half of {env.minutes:g} min", grown, "MiB more", before, "MiB before", "≤ 2 MiB", grown <= 2),
        Figure("P15", f"{what}: objects that live, the second half of {env.minutes:g} min", more, "% more", None, None, "", None),
    ]  # fmt: skip


@asynccontextmanager
async def _monitor(gateway: str) -> AsyncGenerator[tuple[Picture, MonitorState]]:
    state = MonitorState()
    wanted = Filter(include_heartbeats=True)
    feed = Feed(Connection(gateway, token=TOKEN), state, wanted, PATIENCE_SECONDS, settle)
    app = MonitorApp(state, feed.run, feed.act)
    async with app.run_test(size=SIZE):
        yield app.query_one(Picture), state
    if app.error is not None:
        raise app.error


async def _keys(picture: Picture, seconds: float) -> list[float]:
    """Milliseconds that each key waited until its frame was painted, one after the other."""
    waits: list[float] = []
    end = time.perf_counter() + seconds
    for key in cycle(KEYS):
        if time.perf_counter() > end:
            return waits
        pressed = events.Key(key, key if len(key) == 1 else None)
        painted = asyncio.Event()
        began = time.perf_counter()
        picture.post_message(pressed)
        picture.call_after_refresh(painted.set)
        await asyncio.wait_for(painted.wait(), PATIENCE_SECONDS)
        waits.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(BETWEEN_KEYS_SECONDS)
    return waits


async def _is_read(state: MonitorState) -> bool:
    return len(state.contracts) == CONTRACTS


async def _have_joined(state: MonitorState) -> bool:
    """And were read: what messages tell of them is less. What their joins had read again is read."""
    joined = len(state.agents) == CONTRACTS and all(each.connection_id for each in state.agents.values())
    return joined and not state.unread


async def _memory() -> tuple[float, int]:
    """MiB and objects of this process that stay: the least in some seconds, without garbage. A page of contracts that is
    being read is 2 % more, and garbage that waits to be collected 15 %.

    The objects waver by 2 % as well: of a contract that changed the monitor keeps the moment until it has read it again,
    of which there are up to `MAX_CONTRACTS`. So they have no bound of their own.
    """
    found: list[tuple[float, int]] = []
    for _ in range(SAMPLES):
        gc.collect()
        found.append((psutil.Process().memory_info().rss / 2**20, sys.getallocatedblocks()))
        await asyncio.sleep(1.0)
    return min(memory for memory, _ in found), min(objects for _, objects in found)
