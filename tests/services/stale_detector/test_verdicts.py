"""The detector on real servers: who falls silent is declared, told once, and tracked again when it returns."""

import asyncpg
from makima_kernel.testing import eventually
from makima_schemas.silence import SilenceDetected
from makima_schemas.supervisor import SupervisorState, SupervisorStateChanged
from nats.aio.client import Client

from tests.services.stale_detector.harness import TIMEOUT, Fleet, quick, running


async def test_a_silent_supervisor_is_declared_and_told_with_the_same_evidence(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    async with (
        running(quick(database, nats_url), pool, nats) as system,
        Fleet(nats, ["t0", "t1"]).beating() as fleet,
    ):
        await eventually(lambda: system.events("supervisor-t1"))
        fleet.dead.add("t1")
        (told,) = await eventually(lambda: system.events("silence-supervisor:t1"))
        changed = (await system.events("supervisor-t1"))[-1]
        assert isinstance(told, SilenceDetected)
        assert isinstance(changed, SupervisorStateChanged)
        assert changed.new_state is SupervisorState.INTERRUPTED
        assert told == SilenceDetected("supervisor", "t1", "c1", "t1-1", told.evidence)
        assert told.evidence == changed.evidence
        assert told.evidence.last_heartbeat_at is not None
        assert (told.evidence.deadline - told.evidence.last_heartbeat_at).total_seconds() >= TIMEOUT
        assert await system.events("silence-supervisor:t0") == []


async def test_who_returns_is_tracked_again_and_found_again(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    async with (
        running(quick(database, nats_url), pool, nats) as system,
        Fleet(nats, ["t0"]).beating() as fleet,
    ):
        await eventually(lambda: system.events("supervisor-t0"))
        fleet.dead.add("t0")
        await eventually(lambda: system.events("silence-supervisor:t0"))
        await fleet.beat("t0")

        async def found_twice() -> bool:
            return len(await system.events("silence-supervisor:t0")) == 2

        await eventually(found_twice)


async def test_a_silent_daemon_is_disconnected(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    async with (
        running(quick(database, nats_url), pool, nats) as system,
        Fleet(nats, [], ("d1", "d2")).beating() as fleet,
    ):
        await eventually(lambda: system.events("daemon-d2"))
        fleet.dead.add("d2")
        (told,) = await eventually(lambda: system.events("silence-daemon:d2"))
        assert isinstance(told, SilenceDetected)
        assert (told.sender_kind, told.contract_id, told.connection_id) == ("daemon", None, None)
        assert [type(event).__name__ for event in await system.events("daemon-d2")] == [
            "DaemonConnected",
            "DaemonDisconnected",
        ]


async def test_a_supervisor_that_says_it_is_done_is_not_called_silent(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    async with (
        running(quick(database, nats_url), pool, nats) as system,
        Fleet(nats, ["t0", "t1"]).beating() as fleet,
    ):
        await eventually(lambda: system.events("supervisor-t1"))
        fleet.state = SupervisorState.COMPLETED
        await fleet.beat("t0")
        fleet.dead.add("t0")
        fleet.state = SupervisorState.WORKING
        fleet.dead.add("t1")
        await eventually(lambda: system.events("silence-supervisor:t1"))
        assert await system.events("silence-supervisor:t0") == []
