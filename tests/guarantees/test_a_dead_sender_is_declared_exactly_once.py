"""Guarantee 4, its second half: a dead sender is declared exactly once, also by two detectors, also after
everything was off.
"""

import random
from pathlib import Path

import pytest
from makima_kernel.testing import eventually
from makima_local import ports
from makima_schemas.silence import MassSilenceCleared, MassSilenceSuspected, owner_stream

from tests.contracts_in_the_log import OWNER
from tests.guarantees.detector_cluster import DETECTOR, Detection, detecting
from tests.guarantees.heartbeat_oracle import stored
from tests.plain_http import plain_client
from tests.servers import MakeNats
from tests.services.stale_detector.harness import TIMEOUT, Fleet

SUPERVISORS = [f"t{number}" for number in range(30)]
FEWER_THAN_HALF = 14  # or a hold for mass silence would bind all


async def test_two_detectors_find_each_death_once(database: str, make_nats: MakeNats, tmp_path: Path) -> None:
    broker = await make_nats()
    async with (
        detecting(database, broker, tmp_path, replicas=2) as system,
        Fleet(system.nats, SUPERVISORS).beating() as fleet,
    ):
        await system.registered(fleet)
        for name in SUPERVISORS[:FEWER_THAN_HALF]:
            fleet.dead.add(name)
            if len(fleet.dead) >= 5:
                await eventually(lambda: found(system, fleet.dead), 60)
                if all(system.asked(f"{DETECTOR}-{number}") for number in range(2)):
                    break
        else:
            pytest.fail("one of the two never asked")
        await system.exactly(fleet.dead)


async def test_a_detector_that_dies_at_any_moment_leaves_no_death_untold(
    database: str, make_nats: MakeNats, tmp_path: Path
) -> None:
    """The only one, killed again and again while verdicts are asked for, accepted, and told."""
    broker, chance = await make_nats(), random.Random(20260131)
    async with (
        detecting(database, broker, tmp_path) as system,
        Fleet(system.nats, SUPERVISORS).beating() as fleet,
    ):
        await system.registered(fleet)
        for first in (0, 4, 8):
            before = len(fleet.dead)
            fleet.dead |= set(SUPERVISORS[first : first + 4])
            told = before + chance.randrange(1, 4)  # some of them, not all: the others are on their way
            await eventually(lambda told=told: at_least(system, told), 60, every=0.005)
            await system.runner.stop(f"{DETECTOR}-0", patience=0.0)
            system.start(f"{DETECTOR}-0")
        await system.exactly(fleet.dead)


async def at_least(system: Detection, count: int) -> bool:
    return len(await system.silent()) >= count


async def found(system: Detection, died: set[str]) -> bool:
    return set(await system.silent()) >= died


async def test_everything_off_while_half_of_the_fleet_dies(
    database: str, make_nats: MakeNats, tmp_path: Path
) -> None:
    """R11. Half of a fleet's machines at once are held first, as an outage of ours would look the same; then all
    of them are found.
    """
    broker = await make_nats()
    machines = [f"d{number}" for number in range(6)]
    lost = set(machines[:3])
    async with (
        detecting(database, broker, tmp_path) as system,
        Fleet(system.nats, SUPERVISORS, machines).beating() as fleet,
    ):
        await system.registered(fleet)
        died = lost | {each for each in SUPERVISORS if fleet.daemon_of(each) in lost}
    await broker.stop()
    await broker.start()
    async with (
        detecting(database, broker, tmp_path) as system,
        Fleet(system.nats, SUPERVISORS, machines, dead=died).beating(),
    ):
        await system.exactly(died)
        holds = [type(event) for event in await system.events(owner_stream(OWNER))]
        one = [MassSilenceSuspected, MassSilenceCleared]
        longest = (await stored(system.nats)).longest_pause(set(SUPERVISORS) - died)
        starved = longest.total_seconds() > TIMEOUT
        assert holds == one or (starved and holds == one * (len(holds) // 2)), (
            "the fleet is this process's: a slow machine silences it"
        )


async def test_without_canaries_the_detector_says_that_it_is_blind(
    database: str, make_nats: MakeNats, tmp_path: Path
) -> None:
    """The broker refuses the canaries; heartbeats flow on some shards only. Nobody is judged, and somebody is
    told.
    """
    broker = await make_nats()
    async with (
        detecting(database, broker, tmp_path) as system,
        Fleet(system.nats, ["t0", "t1"]).beating() as fleet,
    ):
        await system.registered(fleet)
        info = await system.nats.jetstream().stream_info("MAKIMA_HEARTBEATS")
        await system.nats.jetstream().update_stream(info.config.evolve(subjects=["makima.heartbeats.>"]))
        fleet.dead.add("t1")
        async with plain_client() as client:
            url = f"http://{ports.LOOPBACK}:{system.health[f'{DETECTOR}-0']}"

            async def blind() -> bool:
                answer = await client.get(f"{url}/healthz")
                return answer.status_code == 503 and "blind" in answer.text

            await eventually(blind)
            assert (await client.get(f"{url}/readyz")).status_code == 200, (
                "no replica sees more than this one"
            )
            assert 'makima_check{check="detector"} 0.0' in (await client.get(f"{url}/metrics")).text
        await eventually(
            lambda: beaten_for(system, "t0", 2 * TIMEOUT)
        )  # more than enough for a verdict on any other clock
        assert await system.silent() == []
        await system.nats.jetstream().update_stream(info.config)
        await system.exactly({"t1"})


async def beaten_for(system: Detection, name: str, seconds: float) -> bool:
    """Since the death of the other one."""
    beats = (await stored(system.nats)).beats
    return (beats[name][-1] - beats["t1"][-1]).total_seconds() > seconds
