"""Guarantee 4, its second half: a dead sender is declared exactly once, also by two detectors, also after everything was off."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
from makima_kernel.testing import eventually
from makima_local import ports
from makima_local.nats import Nats
from makima_schemas.silence import MassSilenceCleared, MassSilenceSuspected

from tests.guarantees.detecting import DETECTOR, detecting
from tests.services.stale_detector.running import TIMEOUT, Fleet

MakeNats = Callable[[], Awaitable[Nats]]
SUPERVISORS = [f"t{number}" for number in range(30)]


async def test_two_detectors_find_each_death_once(database: str, make_nats: MakeNats, tmp_path: Path) -> None:
    broker = await make_nats()
    async with detecting(database, broker, tmp_path, replicas=2) as system, Fleet(system.nats, SUPERVISORS).beating() as fleet:
        await system.registered(fleet)
        fleet.dead |= {"t1", "t2", "t3", "t4", "t5"}
        await system.exactly({"t1", "t2", "t3", "t4", "t5"})
        await asyncio.sleep(2 * TIMEOUT)  # time for a second verdict, if there were one
        await system.exactly({"t1", "t2", "t3", "t4", "t5"})


async def test_a_detector_that_dies_at_any_moment_leaves_no_death_untold(database: str, make_nats: MakeNats, tmp_path: Path) -> None:
    """Killed again and again while verdicts are asked for, accepted, and told."""
    broker = await make_nats()
    async with detecting(database, broker, tmp_path, replicas=2) as system, Fleet(system.nats, SUPERVISORS).beating() as fleet:
        await system.registered(fleet)
        died = {f"t{number}" for number in range(1, 10)}
        for name in sorted(died):
            fleet.dead.add(name)
            await asyncio.sleep(0.2)
        await eventually(system.silent, because="nobody was found")
        for _ in range(3):
            await system.runner.stop(f"{DETECTOR}-0", patience=0.0)
            system.start(f"{DETECTOR}-0")
            await asyncio.sleep(random.uniform(0.1, 0.5))
        await system.exactly(died)


async def test_everything_off_while_half_of_the_fleet_dies(database: str, make_nats: MakeNats, tmp_path: Path) -> None:
    """R11. Half of an owner's fleet at once is held first, as an outage of ours would look the same; then all of them are found."""
    broker = await make_nats()
    died = set(SUPERVISORS[:16])
    async with detecting(database, broker, tmp_path) as system, Fleet(system.nats, SUPERVISORS).beating() as fleet:
        await system.registered(fleet)
    await broker.stop()
    await broker.start()
    async with detecting(database, broker, tmp_path) as system, Fleet(system.nats, SUPERVISORS, dead=died).beating():
        await system.exactly(died, timeout=20.0)
        holds = await system.events("silence-owner:")
        assert [type(event) for event in holds] == [MassSilenceSuspected, MassSilenceCleared]
        await asyncio.sleep(TIMEOUT)  # time for a second verdict, if there were one
        await system.exactly(died)


async def test_without_canaries_the_detector_says_that_it_is_blind(database: str, make_nats: MakeNats, tmp_path: Path) -> None:
    """The broker refuses the canaries; heartbeats flow on some shards only. Nobody is judged, and somebody is told."""
    broker = await make_nats()
    async with detecting(database, broker, tmp_path) as system, Fleet(system.nats, ["t0", "t1"]).beating() as fleet:
        await system.registered(fleet)
        info = await system.nats.jetstream().stream_info("MAKIMA_HEARTBEATS")
        await system.nats.jetstream().update_stream(info.config.evolve(subjects=["makima.heartbeats.>"]))
        fleet.dead.add("t1")
        async with httpx.AsyncClient() as client:
            url = f"http://{ports.LOOPBACK}:{system.health[f'{DETECTOR}-0']}/readyz"

            async def blind() -> bool:
                answer = await client.get(url)
                return answer.status_code == 503 and "blind" in answer.text

            await eventually(blind)
        await asyncio.sleep(TIMEOUT)  # more than enough for a verdict on any other clock
        assert await system.silent() == []
        await system.nats.jetstream().update_stream(info.config)
        await system.exactly({"t1"})
