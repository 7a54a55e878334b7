"""agents.md, Seen by whoever runs it: holds, maintenance, clean-ups and returned tasks are counted, and logged."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from makima_contract import app as contract_app
from makima_kernel.service.runtime import Service
from makima_kernel.telemetry import metrics
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged
from makima_schemas.codec import Event
from makima_schemas.contract import events as e
from makima_schemas.silence import (
    EndMaintenance,
    MassSilenceCleared,
    MassSilenceSuspected,
    StartMaintenance,
    owner_stream,
)
from nats.aio.client import Client
from structlog.testing import capture_logs

from tests.services.stale_detector.harness import quick, running
from tests.services.stale_detector.living_agents import maintain
from tests.telemetry import logged, metric

S = AgentStatus
RETURNED = "makima_tasks_returned_total"


async def test_holds_and_maintenance_windows_are_counted_while_they_last(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    async def both(holds: int, windows: int) -> None:
        async def counted() -> bool:
            now = metric("makima_holds_now"), metric("makima_maintenance_now")
            return now == (holds, windows)

        await eventually(counted, because=f"not {holds} holds and {windows} windows")

    until = datetime.now(UTC) + timedelta(hours=1)
    with capture_logs() as lines:
        async with running(quick(database, nats_url), pool, nats) as system:
            await both(0, 0)
            for owner in ("ada", "bob"):
                await system.record(owner_stream(owner), MassSilenceSuspected(20, 11))
            await maintain(nats, StartMaintenance("daemon:d1", until, "new disk"))
            await maintain(nats, StartMaintenance("daemon:d2", until, "new disk"))
            await eventually(lambda: metric("makima_maintenance_now") == 2)
            await maintain(nats, EndMaintenance("daemon:d1"))
            for owner in ("ada", "bob"):

                async def cleared(owner: str = owner) -> bool:
                    return len(await system.events(owner_stream(owner))) == 2

                await eventually(cleared)  # nobody is a mass, so that the detector ends it
            await both(0, 1)
            await system.record(owner_stream("eve"), MassSilenceSuspected(20, 11))
            await eventually(lambda: metric("makima_holds_now") == 1)
            await system.record(owner_stream("eve"), MassSilenceCleared("hold_expired"))
            await both(0, 1)
    started = logged(lines, "silence.maintenance_started", reason="new disk", until=until)
    assert [line["scope"] for line in started] == ["daemon:d1", "daemon:d2"]
    (ended,) = logged(lines, "silence.maintenance_ended")
    assert (ended["scope"], ended["reason"], ended["actor"]) == ("daemon:d1", "request", "test")


async def test_a_hold_that_a_detector_finds_in_the_log_when_it_starts_is_counted(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    settings = quick(database, nats_url, timeout=60.0)  # so that nothing ends it meanwhile
    async with running(settings, pool, nats) as system:
        await system.record(owner_stream("ada"), MassSilenceSuspected(20, 11))
        await eventually(
            lambda: pool.fetchval("select held from stale_detector.holds where owner_id = 'ada'")
        )
    metrics.holds_now.set(0)  # the next one is as good as another process
    async with running(settings, pool, nats, owner=False):
        await eventually(lambda: metric("makima_holds_now") == 1)


async def test_agents_that_are_cleaned_up_are_counted(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    before = metric("makima_agents_cleaned_up_total")
    with capture_logs() as lines:
        async with running(quick(database, nats_url, agent_grace=0.2), pool, nats) as system:
            for role in ("builder", "tester"):
                died = AgentStatusChanged("c0", role, S.READY, S.DEAD, "heartbeat_expired")
                await system.record(f"agent-c0:{role}", AgentJoined("c0", role, "x", "d1"), died)
            await eventually(lambda: len(logged(lines, "agent.cleaned_up")) == 2)
    assert metric("makima_agents_cleaned_up_total") - before == 2
    assert {line["agent"] for line in logged(lines, "agent.cleaned_up")} == {"c0:builder", "c0:tester"}


def changed(to: AgentStatus, trigger: str) -> AgentStatusChanged:
    return AgentStatusChanged("c1", "builder", S.READY, to, trigger, "k1")


# By the reason: what happens to the agent whose role holds two tasks.
RETURNS: dict[str, tuple[Event, ...]] = {
    "agent_dead": (changed(S.DEAD, "heartbeat_expired"),),
    "agent_offline": (changed(S.DEAD, "heartbeat_expired"), changed(S.OFFLINE, "cleanup")),
    "agent_left": (AgentLeft("c1", "builder", "k1"),),
    "agent_superseded": (AgentJoined("c1", "builder", "k2", "d1"),),
    "agent_dead_failed_revive": (
        changed(S.RESTARTING, "restart_initiated"),
        changed(S.DEAD_FAILED_REVIVE, "restart_exhausted"),
    ),
}


@pytest.mark.parametrize("reason", RETURNS)
async def test_tasks_that_return_are_counted_by_their_reason(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client, reason: str
) -> None:
    settings = quick(database, nats_url)
    times = {"task_claimed_timeout_seconds": 0.5}
    settings = settings.model_copy(update={"contracts": settings.contracts.model_copy(update=times)})
    before = {each: metric(RETURNED, {"reason": each}) for each in RETURNS}
    with capture_logs() as lines:
        async with (
            running(settings, pool, nats) as system,
            Service.running(contract_app.NAME, settings, contract_app.build),
        ):
            await system.record("agent-c1:builder", AgentJoined("c1", "builder", "k1", "d1"))
            made = [e.TaskCreated(each, "write", "plan", "builder") for each in ("t1", "t2")]
            claimed = [e.TaskClaimed(each, "builder", "k1", 1) for each in ("t1", "t2")]
            await system.record("contract-c1", e.ContractStarted(), *made, *claimed)
            await system.record("agent-c1:builder", *RETURNS[reason])
            await eventually(lambda: len(logged(lines, "contract.task_released")) == 2)
    grown = {each: metric(RETURNED, {"reason": each}) - before[each] for each in RETURNS}
    assert grown == {each: 2 * (each == reason) for each in RETURNS}
