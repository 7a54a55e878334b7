"""R13: canaries late (1.1 s apart), doubled, stopped; the broker's clock stepped by 5 s.

No process of this machine can be given another clock than all others (the broker reads it without the C library, where
it could be bent), so the steps are shown on the simulated broker and the real detector (`simulation`).
"""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

from makima_kernel.nats.streams import SHARDS, canary
from makima_kernel.testing import eventually
from makima_local.probe import unhealthy
from makima_schemas import subjects
from makima_stale_detector.domain.shards.observed_clock import SECOND
from nats.errors import Error as NatsError
from nats.js.api import StreamConfig

from tests.background import running
from tests.faults.comparison import Comparison, differing
from tests.faults.outcome import compared
from tests.faults.trial import QUICK, RECOVERY_SECONDS, Trial, on_servers, under_load
from tests.services.stale_detector.simulation import FLEET, MINUTE, kill, world
from tests.whole_system import whole_system

DOUBLED_SECONDS: Final = 10.0
LATE_TIMES: Final = 8
LATE_SECONDS: Final = 1.1
STEPS: Final = (5, -5)  # seconds


async def show(place: Path) -> list[Comparison]:
    async with (
        on_servers(place) as (postgres, broker, dsn),
        whole_system(postgres.dsn(), dsn, broker.url, place, replicas=2, env=QUICK) as system,
        under_load("R13", postgres, broker, system) as trial,
    ):
        trial.dies("t0")
        async with running(doubling(trial)):
            await asyncio.sleep(DOUBLED_SECONDS)  # the fault itself
        config = (await trial.nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)).config
        trial.dies("t1")
        for _ in range(LATE_TIMES):
            await without_canaries(trial, config)
            await asyncio.sleep(LATE_SECONDS)  # the fault itself
            await trial.nats.jetstream().update_stream(config)
        await trial.recovers()
        trial.dies("t2")
        blind = await told_blind(trial, config)
        trial.dies("t3")
        trial.notes.append("canaries doubled, late 8 times, stopped")
        return [blind, stepped(), *await compared(trial)]


async def doubling(trial: Trial) -> None:
    """As many again as both replicas send, and without an acknowledgement."""
    while True:
        for shard in range(SHARDS):
            try:
                await trial.nats.publish(canary(shard), b"")
            except NatsError:
                continue
        await asyncio.sleep(0.025)


async def without_canaries(trial: Trial, config: StreamConfig) -> None:
    """The broker refuses them; heartbeats flow."""
    await trial.nats.jetstream().update_stream(config.evolve(subjects=[subjects.HEARTBEATS]))


async def told_blind(trial: Trial, config: StreamConfig) -> Comparison:
    """Until every replica has said that it is blind, and then until none says so any more."""
    detectors = [name for name in trial.system.names if name.startswith("stale_detector")]
    told: dict[str, str] = {}
    await without_canaries(trial, config)

    async def all_told() -> bool:
        for name in detectors:
            why = await unhealthy(trial.system.health[name]) or ""
            if "blind" in why:
                told[name] = why
        return len(told) == len(detectors)

    with suppress(AssertionError):
        await eventually(all_told, RECOVERY_SECONDS / 3, every=0.1)
    await trial.nats.jetstream().update_stream(config)
    await trial.recovers()
    kinds = {"silent": [name for name in detectors if name not in told]}
    note = next(iter(told.values()), "")[:100]
    return differing("R13", "stopped canaries, told as blind", (len(detectors), "detectors"), kinds, note)


def stepped() -> Comparison:
    missed, false, dead = list[str](), list[str](), 0
    for step in STEPS:
        simulated = world()
        simulated.run(2 * MINUTE)
        died = kill(simulated, 2)
        simulated.run(MINUTE)
        simulated.broker_clock = step * SECOND
        simulated.run(MINUTE)
        simulated.broker_clock = 0
        died += kill(simulated, 2)
        simulated.run(4 * MINUTE)
        dead += len(died)
        missed += [f"{name} at {step} s" for name in died if name not in simulated.found]
        false += [f"{name} at {step} s" for name in simulated.found if name not in died]
    kinds = {"not found": missed, "false": false}
    note = f"beside {len(STEPS) * FLEET - dead} alive, the clock set by {STEPS[0]} s and back, each way"
    return differing("R13", "a broker's clock that is set (simulated)", (dead, "deaths"), kinds, note)
