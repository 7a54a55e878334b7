"""R2: the broker is killed and started again; its data is deleted; the leader of a three-node broker is killed."""

import asyncio
from pathlib import Path
from typing import Final

from makima_schemas import subjects

from tests.faults.cluster import SERVERS, Cluster
from tests.faults.comparison import Comparison
from tests.faults.outcome import compared
from tests.faults.trial import QUICK, Trial, on_servers, under_load
from tests.servers import OwnNats
from tests.whole_system import whole_system

KILLS: Final = 5
OFF_SECONDS: Final = 1.0
LEADERS: Final = (subjects.EVENTS_STREAM, subjects.HEARTBEATS_STREAM, subjects.EVENTS_STREAM)


async def show(place: Path) -> list[Comparison]:
    return [*await one_broker(place / "one"), *await three_brokers(place / "three")]


async def one_broker(place: Path) -> list[Comparison]:
    async with (
        on_servers(place) as (postgres, broker, dsn),
        whole_system(postgres.dsn(), dsn, broker.url, place, env=QUICK) as system,
        under_load("R2", postgres, broker, system) as trial,
    ):
        assert isinstance(broker, OwnNats)
        trial.dies("t0", "t1")
        for _ in range(KILLS):
            await off(trial, broker, lost=False)
            await trial.acknowledges(20)
        trial.notes.append(f"killed {KILLS} times")
        await trial.loses_heartbeats()
        trial.dies(
            "t2"
        )  # after all was read: a verdict on it that nobody could follow would count as a false one
        await off(trial, broker, lost=True)
        await trial.acknowledges(20)
        trial.dies("t3")
        trial.notes.append("data deleted once")
        return await compared(trial)


async def off(trial: Trial, broker: OwnNats, *, lost: bool) -> None:
    """Killed, off for a moment, in which nobody's heartbeat can arrive, and back."""
    await (broker.lose_data() if lost else broker.kill())
    await asyncio.sleep(OFF_SECONDS)  # the fault itself
    await broker.start()
    await trial.recovers()


async def three_brokers(place: Path) -> list[Comparison]:
    cluster = Cluster(place)
    async with (
        on_servers(place, cluster) as (postgres, _, dsn),
        whole_system(
            postgres.dsn(), dsn, cluster.url, place, env={**QUICK, "MAKIMA_STREAM_REPLICAS": "3"}
        ) as system,
        under_load("R2", postgres, cluster, system) as trial,
    ):
        for number, stream in enumerate(LEADERS):
            await cluster.whole(trial.nats)
            leader = await cluster.leader(trial.nats, stream)
            trial.dies(f"t{number}")
            await leader.kill()
            await trial.recovers()
            await trial.acknowledges(20)
            await leader.start()
        await cluster.whole(trial.nats)
        trial.notes.append(f"leader of {SERVERS} brokers killed {len(LEADERS)} times")
        return await compared(trial)
