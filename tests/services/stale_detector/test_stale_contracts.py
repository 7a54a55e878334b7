"""Stale contracts on real servers: found once per episode, cleared when activity returns, repeated without events."""

import asyncio

import asyncpg
import orjson
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.contract import events as e
from makima_schemas.contract.model import Phase
from makima_schemas.silence import SilenceDetected, StaleCleared, StaleDetected
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.stale_detector.running import TIMEOUT, Fleet, Running, quick, running

THRESHOLD = 1.0


def created(stale_after: int | None = None) -> e.ContractCreated:
    return e.ContractCreated(
        "demo", "", "simple", "ada", (Phase("plan"),), phase_guard=False, auto_complete_enabled=True, stale_after_seconds=stale_after
    )


async def kinds(system: Running, contract: str) -> list[str]:
    return [type(event).__name__ for event in await system.events(f"silence-{contract}")]


async def test_a_contract_in_which_nothing_happens_is_found_once_and_cleared_by_activity(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(quick(database, nats_url, stale_after=THRESHOLD), pool, nats, replicas=2, owner=False) as system:
        await system.record("contract-c1", created(), e.ContractStarted())
        await system.record("contract-c2", created(stale_after=3600), e.ContractStarted())
        await system.record("contract-c3", created())
        (found,) = await eventually(lambda: system.events("silence-c1"))
        assert isinstance(found, StaleDetected)
        assert (found.contract_id, found.threshold_seconds) == ("c1", THRESHOLD)
        assert THRESHOLD <= found.stale_seconds < THRESHOLD + 3
        await asyncio.sleep(2)  # several looks, by two replicas
        assert await kinds(system, "c1") == ["StaleDetected"]
        await system.record("contract-c1", e.MessageSent("m1", "user", "hello"))

        async def again() -> bool:
            return await kinds(system, "c1") == ["StaleDetected", "StaleCleared", "StaleDetected"]

        await eventually(again)
        await system.record("contract-c1", e.ContractFailed(None))

        async def over() -> bool:
            return await kinds(system, "c1") == ["StaleDetected", "StaleCleared", "StaleDetected", "StaleCleared"]

        await eventually(over)
        assert await system.events("silence-c2") == []
        assert await system.events("silence-c3") == []


async def test_a_live_supervisor_keeps_its_contract_fresh_until_it_falls_silent(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    async with (
        running(quick(database, nats_url, stale_after=THRESHOLD), pool, nats) as system,
        Fleet(nats, ["t1"]).beating() as fleet,
    ):
        await eventually(lambda: system.events("supervisor-t1"))  # who may speak before its contract is there
        await system.record("contract-c1", created(), e.ContractStarted())
        await asyncio.sleep(2 * THRESHOLD)  # long enough to be stale, if heartbeats did not count
        assert await kinds(system, "c1") == []
        fleet.dead.add("t1")
        (found, *_) = await eventually(lambda: system.events("silence-c1"))
        (silent,) = await system.events("silence-supervisor:t1")
        assert isinstance(found, StaleDetected)
        assert isinstance(silent, SilenceDetected)
        assert found.stale_seconds >= TIMEOUT
        assert found.last_activity_at == silent.evidence.last_heartbeat_at
        await fleet.beat("t1")

        async def cleared() -> bool:
            return StaleCleared("c1") in await system.events("silence-c1")

        await eventually(cleared)


async def test_that_it_is_still_stale_is_said_again_and_again_without_events(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(quick(database, nats_url, stale_after=THRESHOLD, repeat=0.3), pool, nats, owner=False) as system:
        said: list[Msg] = []

        async def hear(message: Msg) -> None:
            said.append(message)

        await nats.subscribe(subjects.MONITOR_STALE, cb=hear)
        await system.record("contract-c1", created(), e.ContractStarted())
        await eventually(lambda: len(said) >= 3)
        assert await kinds(system, "c1") == ["StaleDetected"]
        first, second = (orjson.loads(message.data) for message in said[:2])
        assert first["contract_id"] == "c1"
        assert second["stale_duration"] > first["stale_duration"] >= THRESHOLD
