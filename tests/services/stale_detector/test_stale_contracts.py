"""Stale contracts on real servers: found once per episode, cleared when activity returns, repeated without
events.
"""

import asyncio

import asyncpg
import orjson
from makima_kernel.event_log.append import new_event
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.projections.projector import Projector
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.contract import events as e
from makima_schemas.contract.model import Phase
from makima_schemas.silence import SilenceDetected, StaleCleared, StaleDetected
from makima_stale_detector.handlers.stale_contract_scanner import STALE_SCAN_SECONDS, StaleContractScanner
from makima_stale_detector.projections import Silence
from makima_stale_detector.queries import Queries, StaleCandidate
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.background import end
from tests.kernel.event_log import append_builders as writing
from tests.services.stale_detector.harness import TIMEOUT, Fleet, Running, quick, running
from tests.services.stale_detector.sender_events import registered

THRESHOLD = 1.0


def created(stale_after: int | None = None) -> e.ContractCreated:
    return e.ContractCreated(
        "demo",
        "",
        "simple",
        "ada",
        (Phase("plan"),),
        phase_guard=False,
        auto_complete_enabled=True,
        stale_after_seconds=stale_after,
    )


async def kinds(system: Running, contract: str) -> list[str]:
    return [type(event).__name__ for event in await system.events(f"silence-{contract}")]


async def said_again(nats: Client, times: int) -> None:
    """Stale contracts are looked for twice as often as a detector says again that one is stale."""
    heard: list[Msg] = []

    async def hear(message: Msg) -> None:
        heard.append(message)

    subscription = await nats.subscribe(subjects.MONITOR_STALE, cb=hear)
    await eventually(lambda: len(heard) >= times)
    await subscription.unsubscribe()


class Overtaken(Queries):
    """Between what it finds and what is made of that, a supervisor of the contract comes alive."""

    looks = 0

    async def stale_candidates(self, default_threshold_seconds: float, limit: int) -> list[StaleCandidate]:
        found = await super().stale_candidates(default_threshold_seconds, limit)
        if found and not self.looks:
            await writing.call(self._pool, writing.command("supervisor-t1", new_event(registered("c1", "x"))))
        self.looks += bool(found) or self.looks > 0
        return found


async def test_a_supervisor_that_comes_alive_while_we_look_keeps_its_contract_fresh(
    database: str, pool: asyncpg.Pool, nats: Client
) -> None:
    await provision(nats, Log(pool), budget=0.01)
    await writing.call(
        pool, writing.command("contract-c1", new_event(created()), new_event(e.ContractStarted()))
    )
    projector, queries = Projector(Silence(), pool, Log(pool), nats, owner="test"), Overtaken(pool)
    async with writing.running(database) as appender, asyncio.TaskGroup() as group:
        staleness = StaleContractScanner(
            queries,
            projector,
            Log(pool),
            appender,
            nats,
            threshold_seconds=0.1,
            repeat_seconds=60.0,
            local_health=lambda: None,
        )
        tasks = [group.create_task(projector.run()), group.create_task(staleness.run())]
        await eventually(lambda: queries.looks >= 3)
        await end(*tasks)
    assert [each.type for each in await Log(pool).after(0)] == [
        "ContractCreated",
        "ContractStarted",
        "SupervisorRegistered",
    ]


async def test_a_contract_in_which_nothing_happens_is_found_once_and_cleared_by_activity(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    settings = quick(database, nats_url, stale_after=THRESHOLD, repeat=2 * STALE_SCAN_SECONDS)
    async with running(settings, pool, nats, replicas=2, owner=False) as system:
        await system.record("contract-c1", created(), e.ContractStarted())
        await system.record("contract-c2", created(stale_after=3600), e.ContractStarted())
        await system.record("contract-c3", created())
        (found,) = await eventually(lambda: system.events("silence-c1"))
        assert isinstance(found, StaleDetected)
        assert (found.contract_id, found.threshold_seconds) == ("c1", THRESHOLD)
        assert found.stale_seconds >= THRESHOLD
        await said_again(nats, 3)
        assert await kinds(system, "c1") == ["StaleDetected"]
        await system.record("contract-c1", e.MessageSent("m1", "user", "hello"))

        async def again() -> bool:
            return await kinds(system, "c1") == ["StaleDetected", "StaleCleared", "StaleDetected"]

        await eventually(again)
        await system.record("contract-c1", e.ContractFailed(None))

        async def over() -> bool:
            return await kinds(system, "c1") == [
                "StaleDetected",
                "StaleCleared",
                "StaleDetected",
                "StaleCleared",
            ]

        await eventually(over)
        assert await system.events("silence-c2") == []
        assert await system.events("silence-c3") == []


async def test_a_live_supervisor_keeps_its_contract_fresh_until_it_falls_silent(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    async with (
        running(
            quick(database, nats_url, stale_after=THRESHOLD, repeat=2 * STALE_SCAN_SECONDS), pool, nats
        ) as system,
        Fleet(nats, ["t1"]).beating() as fleet,
    ):
        await eventually(lambda: system.events("supervisor-t1"))  # who may speak before its contract is there
        await system.record("contract-c1", created(), e.ContractStarted())
        await system.record("contract-c2", created(), e.ContractStarted())  # as old, and nobody's
        await eventually(lambda: system.events("silence-c2"))
        await said_again(nats, 2)
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
    async with running(
        quick(database, nats_url, stale_after=THRESHOLD, repeat=0.3), pool, nats, owner=False
    ) as system:
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
