"""Maintenance over one daemon, on real servers: no verdict, and after it a full timeout for everyone."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
from makima_kernel.commands.client import Bus
from makima_kernel.testing import eventually
from makima_schemas.agent import JoinAgent
from makima_schemas.commands import Accepted, Request
from makima_schemas.silence import (
    MAINTENANCE,
    MAINTENANCE_STREAM,
    EndMaintenance,
    MaintenanceCommand,
    MaintenanceEnded,
    MaintenancePlanned,
    MaintenanceStarted,
    PlanMaintenance,
    SilenceDetected,
    StartMaintenance,
)
from nats.aio.client import Client

from tests.services.stale_detector.harness import TIMEOUT, Fleet, Running, known, quick, running
from tests.services.stale_detector.living_agents import ask as join
from tests.services.stale_detector.living_agents import beating

AGENT_TIMEOUT = TIMEOUT * 0.75


async def ask(nats: Client, name: str, command: MaintenanceCommand) -> None:
    reply = await Bus(nats).ask("stale_detector", name, Request(uuid4(), MAINTENANCE, command, actor="test"))
    assert isinstance(reply, Accepted), reply


async def test_a_daemon_that_is_switched_off_is_not_judged_until_its_maintenance_is_over(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    """By two detectors alike, nor are its supervisor and its agents. The supervisor and the agent beside it die meanwhile
    and are found: verdicts go on.
    """
    async with (
        running(quick(database, nats_url), pool, nats, replicas=2) as system,
        Fleet(nats, ["t0", "t1"], ("d0", "d1")).beating() as fleet,
        beating(nats, "builder", "tester", contract="c0", daemon="d0") as under_d0,
        beating(nats, "builder", contract="c1", daemon="d1") as under_d1,
    ):
        await known(system, fleet)
        for agent, daemon in (("c0:builder", "d0"), ("c0:tester", "d0"), ("c1:builder", "d1")):
            await join(system, agent, JoinAgent("x", daemon))
        until = datetime.now(UTC) + timedelta(seconds=2.5 * TIMEOUT)
        await ask(nats, "start_maintenance", StartMaintenance("daemon:d0", until, "new disk"))
        fleet.dead |= {"t0", "d0", "t1"}
        under_d0.clear()
        under_d1.clear()
        for beside in ("supervisor:t1", "agent:c1:builder"):
            await eventually(lambda beside=beside: system.events(f"silence-{beside}"))
        (ended,) = await eventually(lambda: system.all("MaintenanceEnded"))
        found = [each for each in await system.all("SilenceDetected") if each.position < ended.position]
        assert {each.entity_id for each in found} <= {"supervisor:t1", "agent:c1:builder"}
        assert ended.recorded_at >= until
        assert ended.meta.get("actor") == "stale_detector"
        for sender, timeout in (
            ("supervisor:t0", TIMEOUT),
            ("daemon:d0", TIMEOUT),
            ("agent:c0:builder", AGENT_TIMEOUT),
            ("agent:c0:tester", AGENT_TIMEOUT),
        ):
            (told,) = await eventually(lambda sender=sender: system.events(f"silence-{sender}"))
            assert isinstance(told, SilenceDetected)
            (recorded,) = await system.log.stream("default", f"silence-{sender}")
            after = (recorded.recorded_at - ended.recorded_at).total_seconds()
            assert after >= timeout - 0.2, f"{sender} had no full timeout"
            assert (told.evidence.timeout_seconds, told.evidence.stream_sequence > 0) == (timeout, True)


async def test_a_planned_maintenance_begins_and_ends_by_itself_once(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    """By two detectors alike; who falls silent while it goes on is judged a full timeout after it."""
    async with (
        running(quick(database, nats_url), pool, nats, replicas=2) as system,
        Fleet(nats, ["t0", "t1"], ("d0", "d1")).beating() as fleet,
    ):
        await known(system, fleet)
        begins = datetime.now(UTC) + timedelta(seconds=1.5 * TIMEOUT)
        until = begins + timedelta(seconds=2 * TIMEOUT)
        await ask(nats, "plan_maintenance", PlanMaintenance("daemon:d0", begins, until, "new disk"))
        (started,) = await eventually(lambda: system.all("MaintenanceStarted"))
        fleet.dead.add("t0")
        assert started.recorded_at >= begins
        assert started.meta.get("actor") == "test", "in the name of who planned it"
        (ended,) = await eventually(lambda: system.all("MaintenanceEnded"))
        assert ended.recorded_at >= until
        assert await system.silent() == []
        await eventually(lambda: system.events("silence-supervisor:t0"))
        assert [type(each) for each in await system.events(MAINTENANCE_STREAM)] == [
            MaintenancePlanned,
            MaintenanceStarted,
            MaintenanceEnded,
        ]


async def test_a_verdict_on_its_way_when_maintenance_begins_is_not_taken(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    """The log refuses it, whatever the detector has read: the window is recorded behind its back."""
    async with (
        running(quick(database, nats_url), pool, nats) as system,
        Fleet(nats, ["t0", "t1"]).beating() as fleet,
    ):
        await known(system, fleet)
        fleet.dead.add("t1")
        until = datetime.now(UTC) + timedelta(hours=1)
        await system.record(MAINTENANCE_STREAM, MaintenanceStarted("all", until, "new disk"))
        started = (await system.all("MaintenanceStarted"))[0]

        async def judged_before_or_spared() -> bool:
            return await _tracked_goes_on(system)

        await eventually(judged_before_or_spared)
        assert await system.silent() == []
        await ask(nats, "end_maintenance", EndMaintenance("all"))
        await eventually(lambda: system.events("silence-supervisor:t1"))
        (told,) = await system.all("SilenceDetected")
        assert [type(each) for each in await system.events(MAINTENANCE_STREAM)] == [
            MaintenanceStarted,
            MaintenanceEnded,
        ]
        assert told.recorded_at - started.recorded_at >= timedelta(seconds=2 * TIMEOUT - 0.2)


async def _tracked_goes_on(system: Running) -> bool:
    """A timeout has passed on the broker's clock since the last event of the log."""
    head = (await system.log.after(await system.log.head() - 1, 1))[0]
    return datetime.now(UTC) - head.recorded_at > timedelta(seconds=TIMEOUT + 0.5)
