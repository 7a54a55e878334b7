"""Contracts that change at a steady pace, the real way: into the log, and through whatever reads it.

As a program (`CHANGING_DATABASE_URL`, `CHANGING_PER_SECOND`): all contracts that `create` made, until it is stopped.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import asyncpg
import httpx
from makima_kernel.event_log.append import new_event
from makima_local.processes import Program, Runner
from makima_schemas.agent import AgentJoined, AgentStatusChanged
from makima_schemas.agent import AgentStatus as S
from makima_schemas.contract.events import ContractCreated, ContractPaused, ContractResumed, ContractStarted
from makima_schemas.contract.model import ContractStatus, Phase
from makima_schemas.identity import agent_id, stream_name
from uuid_utils.compat import uuid7

from tests.bench.served import ROOT, TOKEN
from tests.kernel.event_log.append_builders import call, command

BATCHES_PER_SECOND: Final = 25
AT_ONCE: Final = 500  # contracts made in one call
MAX_WAIT_SECONDS: Final = 120.0
ROLE: Final = "builder"
DAEMON: Final = "build-01"


@dataclass(slots=True)
class Rate:
    """How many there were, and since when."""

    count: int = 0
    began: float = field(default_factory=time.perf_counter)

    def reset(self) -> None:
        self.count, self.began = 0, time.perf_counter()

    def per_second(self) -> float:
        return self.count / (time.perf_counter() - self.began)


async def create(pool: asyncpg.Pool, count: int) -> Sequence[str]:
    """The ids of so many contracts, each of them started."""
    contracts = [str(uuid7()) for _ in range(count)]
    for start in range(0, len(contracts), AT_ONCE):
        await call(
            pool,
            *(
                command(
                    stream_name("contract", contract),
                    new_event(_created(start + number)),
                    new_event(ContractStarted()),
                    expected=0,
                )
                for number, contract in enumerate(contracts[start : start + AT_ONCE])
            ),
        )
    return contracts


async def join(pool: asyncpg.Pool, contracts: Sequence[str]) -> None:
    """An agent of each contract, which works."""
    for start in range(0, len(contracts), AT_ONCE):
        await call(
            pool,
            *(
                command(
                    stream_name("agent", agent_id(contract, ROLE)),
                    new_event(AgentJoined(contract, ROLE, f"{contract}-1", DAEMON)),
                    new_event(AgentStatusChanged(contract, ROLE, S.READY, S.WORKING, "task")),
                    expected=0,
                )
                for contract in contracts[start : start + AT_ONCE]
            ),
        )


def _created(number: int) -> ContractCreated:
    phases = (Phase("plan"), Phase("execute"))
    return ContractCreated(f"Fix the login page #{number}", "", "simple", "local", phases, False, True)


@asynccontextmanager
async def changing(
    pool: asyncpg.Pool, contracts: Sequence[str], per_second: int, published: Rate
) -> AsyncGenerator[None]:
    """They are paused and resumed in turn while the block lasts. What is late by more than a second is left out."""

    async def forever() -> None:
        begin, number, each = time.perf_counter(), 0, per_second // BATCHES_PER_SECOND
        while True:
            await asyncio.sleep(max(0.0, begin + number / BATCHES_PER_SECOND - time.perf_counter()))
            begin = max(begin, time.perf_counter() - number / BATCHES_PER_SECOND - 1)
            rounds, first = divmod(number * each, len(contracts))
            active = ContractStatus.ACTIVE
            event = ContractResumed(active) if rounds % 2 else ContractPaused("lunch", active)
            await call(
                pool,
                *(
                    command(stream_name("contract", one), new_event(event), expected=2 + rounds)
                    for one in contracts[first : first + each]
                ),
            )
            published.count += each
            number += 1

    async with asyncio.TaskGroup() as group:
        task = group.create_task(forever())
        yield
        task.cancel()


async def shown(gateway: str, count: int) -> None:
    """Wait until the read model has so many contracts."""
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(base_url=f"{gateway}/api/v1", headers=headers, timeout=30) as client:
        while time.monotonic() < deadline:
            page = (await client.get("/contracts", params={"limit": 1, "sort": "name"})).json()
            if page["total"] == count:
                return
            await asyncio.sleep(0.2)
    raise RuntimeError("the read model does not get there")


@asynccontextmanager
async def changed_by_another_process(dsn: str, per_second: int) -> AsyncGenerator[None]:
    """So that whoever is measured in this process does not wait for it."""
    env = {"CHANGING_DATABASE_URL": dsn, "CHANGING_PER_SECOND": str(per_second)}
    with TemporaryDirectory() as folder:
        async with Runner() as runner:
            command = (sys.executable, "-m", "tests.bench.changing")
            runner.start(Program("changing", command, ROOT, Path(folder) / "changing.log", env=env))
            yield


async def main() -> None:
    async with asyncpg.create_pool(os.environ["CHANGING_DATABASE_URL"], min_size=1, max_size=1) as pool:
        found = await pool.fetch(
            "select stream from event_log.events where type = 'ContractCreated' order by position"
        )
        contracts = [row["stream"].partition("-")[2] for row in found]
        async with changing(pool, contracts, int(os.environ["CHANGING_PER_SECOND"]), Rate()):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
