"""The detector and the owner of agents on real servers: who falls silent, is not back, or is dead for long."""

import asyncpg
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentStatus, AgentStatusChanged, JoinAgent, ReportAgentStatus
from makima_schemas.contract.events import ContractArchived
from makima_schemas.silence import SilenceDetected
from nats.aio.client import Client

from tests.services.stale_detector.harness import TIMEOUT, quick, running
from tests.services.stale_detector.living_agents import ask, beating, changes, told


async def test_an_agent_that_stops_or_never_beats_is_declared_and_told_and_a_join_brings_it_back(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    async with (
        running(quick(database, nats_url), pool, nats, replicas=2) as system,
        beating(nats, "builder", "reviewer") as living,
    ):
        for role in ("builder", "reviewer", "tester"):
            await ask(system, f"c0:{role}", JoinAgent("x", "d1"))
        [never_heard] = await eventually(lambda: system.events("silence-agent:c0:tester"))
        assert isinstance(never_heard, SilenceDetected)
        assert never_heard.evidence.last_heartbeat_at is None
        living.discard("builder")
        [silent] = await eventually(lambda: system.events("silence-agent:c0:builder"))
        assert isinstance(silent, SilenceDetected)
        changed = (await system.events("agent-c0:builder"))[-1]
        assert isinstance(changed, AgentStatusChanged)
        assert silent == SilenceDetected(
            "agent", "c0:builder", "c0", "x", changed.evidence or silent.evidence
        )
        assert told(changed) == ("dead", "heartbeat_expired")
        evidence = silent.evidence
        assert evidence.last_heartbeat_at is not None
        assert evidence.timeout_seconds == TIMEOUT * 0.75
        assert (evidence.deadline - evidence.last_heartbeat_at).total_seconds() >= TIMEOUT * 0.75
        await ask(system, "c0:builder", JoinAgent("x", "d1"))  # back under its own id, and silent again

        async def found_twice() -> bool:
            return len(await system.events("silence-agent:c0:builder")) == 2

        await eventually(found_twice)
        died = ("dead", "heartbeat_expired")
        assert await changes(system, "c0:builder") == [("ready", "join"), died, ("ready", "join"), died]
        assert await changes(system, "c0:tester") == [("ready", "join"), died]
        assert await changes(system, "c0:reviewer") == [("ready", "join")]
        await system.record(
            "contract-c0", ContractArchived()
        )  # nobody misses its dead, who need not wait for the grace

        async def cleaned_up() -> bool:
            ends = [(await changes(system, f"c0:{role}"))[-1] for role in ("builder", "tester")]
            return ends == [("offline", "cleanup")] * 2

        await eventually(cleaned_up)
        living.discard("reviewer")  # and who dies in it later is gone likewise

        async def gone() -> bool:
            end = [died, ("offline", "cleanup")]
            return await changes(system, "c0:reviewer") == [("ready", "join"), *end]

        await eventually(gone)


async def test_an_agent_that_is_not_back_in_time_is_dead_and_cleaned_up_after_the_grace(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    settings = quick(database, nats_url, agent_grace=0.5)
    async with running(settings, pool, nats, replicas=2) as system, beating(nats, "tester"):
        for role in ("builder", "tester"):
            await ask(system, f"c0:{role}", JoinAgent("x", "d1"))
            await ask(system, f"c0:{role}", ReportAgentStatus(AgentStatus.RESTARTING, "x"))
        await ask(system, "c0:tester", JoinAgent("x", "d1"))

        async def cleaned_up() -> bool:
            return (await changes(system, "c0:builder"))[-1] == ("offline", "cleanup")

        await eventually(cleaned_up)
        restarting = ("restarting", "restart_initiated")
        assert await changes(system, "c0:builder") == [
            ("ready", "join"), restarting, ("dead", "restart_expired"), ("offline", "cleanup"),
        ]  # fmt: skip
        expired = (await system.events("agent-c0:builder"))[2]
        assert isinstance(expired, AgentStatusChanged)
        assert expired.evidence is not None
        assert expired.evidence.timeout_seconds == TIMEOUT / 2
        assert await system.events("silence-agent:c0:builder") == [], "nobody's heartbeats were judged"
        back = await changes(system, "c0:tester")
        if back[2] == (
            "dead",
            "restart_expired",
        ):  # on a busy machine its join took longer than it had time for
            del back[2]
        assert back == [("ready", "join"), restarting, ("ready", "join")], "once it is back it is not judged"
