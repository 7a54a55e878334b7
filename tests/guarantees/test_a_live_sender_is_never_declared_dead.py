"""Guarantee 4, its first half: a live sender is never declared dead through a fault of ours; the dead are
found all the same.
"""

import asyncio
from pathlib import Path

import pytest
from makima_kernel.testing import eventually
from makima_local.probe import unhealthy

from tests.background import end
from tests.guarantees.detector_cluster import DETECTOR, OWNER, detecting
from tests.guarantees.saturation import flooding, losing, silent_for, small_queue
from tests.servers import MakeNats, MakePostgres
from tests.services.stale_detector.harness import GRACE, INTERVAL, TIMEOUT, Fleet
from tests.template import prepared_template

SUPERVISORS = [
    f"t{number}" for number in range(8)
]  # fewer than ten: no hold for mass silence covers up what the clock does wrong
FROZEN = 2 * TIMEOUT  # much longer than anybody may be silent
LONG_SILENT = TIMEOUT + GRACE + INTERVAL  # after so much of silence that counts, a verdict is there


async def test_while_the_broker_is_frozen_and_heartbeats_are_lost(
    database: str, make_nats: MakeNats, tmp_path: Path
) -> None:
    broker = await make_nats()
    async with (
        detecting(database, broker, tmp_path) as system,
        Fleet(system.nats, SUPERVISORS).beating() as fleet,
    ):
        await system.registered(fleet)
        fleet.dead |= {"t1", "t2"}
        fleet.muted = True
        await broker.freeze()
        await asyncio.sleep(FROZEN)  # the fault itself
        broker.thaw()
        fleet.muted = False
        await system.exactly({"t1", "t2"})


async def test_while_the_broker_is_killed_and_comes_back_later(
    database: str, make_nats: MakeNats, tmp_path: Path
) -> None:
    broker = await make_nats()
    async with (
        detecting(database, broker, tmp_path) as system,
        Fleet(system.nats, SUPERVISORS).beating() as fleet,
    ):
        await system.registered(fleet)
        fleet.dead |= {"t1", "t2"}
        fleet.muted = True
        await broker.kill()
        await asyncio.sleep(FROZEN)  # the fault itself
        await broker.start()
        fleet.muted = False
        await system.exactly({"t1", "t2"})


@pytest.mark.parametrize("victim", [f"{DETECTOR}-0", OWNER])
async def test_while_one_of_our_services_is_frozen(
    victim: str, database: str, make_nats: MakeNats, tmp_path: Path
) -> None:
    broker = await make_nats()
    async with (
        detecting(database, broker, tmp_path) as system,
        Fleet(system.nats, SUPERVISORS).beating() as fleet,
    ):
        await system.registered(fleet)
        fleet.dead |= {"t1", "t2"}
        await system.freeze(victim)
        await asyncio.sleep(FROZEN)  # the fault itself
        system.thaw(victim)
        await system.exactly({"t1", "t2"})


async def test_while_postgres_is_frozen(
    make_postgres: MakePostgres, make_nats: MakeNats, tmp_path: Path
) -> None:
    """R4. Nothing can be recorded, and nothing be declared: all of that is made up for."""
    broker, server = await make_nats(), await make_postgres()
    database = server.dsn(await prepared_template(server.dsn))
    async with (
        detecting(database, broker, tmp_path) as system,
        Fleet(system.nats, SUPERVISORS).beating() as fleet,
    ):
        await system.registered(fleet)
        fleet.dead |= {"t1", "t2"}
        await server.freeze()
        await asyncio.sleep(FROZEN)  # the fault itself
        server.thaw()
        await system.exactly({"t1", "t2"})


async def test_the_detector_is_killed_and_started_again(
    database: str, make_nats: MakeNats, tmp_path: Path
) -> None:
    broker = await make_nats()
    async with (
        detecting(database, broker, tmp_path) as system,
        Fleet(system.nats, SUPERVISORS).beating() as fleet,
    ):
        await system.registered(fleet)
        fleet.dead |= {"t1", "t2"}
        await system.runner.stop(f"{DETECTOR}-0", patience=0.0)
        await asyncio.sleep(FROZEN)  # the fault itself
        system.start(f"{DETECTOR}-0")
        await system.exactly({"t1", "t2"})


async def test_while_the_broker_is_saturated_and_drops_heartbeats_although_it_stores_canaries(
    database: str, make_nats: MakeNats, tmp_path: Path
) -> None:
    """Its stream flows all the time, so that only refused canaries tell that heartbeats are lost."""
    broker = await small_queue(make_nats)
    async with (
        detecting(database, broker, tmp_path) as system,
        Fleet(system.nats, SUPERVISORS, daemons=("d1", "d2")).beating() as fleet,
    ):
        await system.registered(fleet)
        fleet.dead |= {"t1", "t2"}
        async with flooding(broker, "d2"), losing(fleet):

            async def overloaded() -> bool:
                return "overloaded" in (await unhealthy(system.health[f"{DETECTOR}-0"]) or "")

            await eventually(overloaded)
            await silent_for(LONG_SILENT, fleet)  # the fault itself
        await system.exactly({"t1", "t2"})
        judged = {verdict.sender_id for verdict in await system.verdicts()}
        assert judged - fleet.starved(TIMEOUT / 2) == {"t1", "t2"}


async def test_while_the_brokers_data_are_deleted(database: str, make_nats: MakeNats, tmp_path: Path) -> None:
    """The heartbeats are gone, and their sequences begin anew: nobody is judged by what was before."""
    broker = await make_nats()
    async with (
        detecting(database, broker, tmp_path) as system,
        Fleet(system.nats, SUPERVISORS).beating() as fleet,
    ):
        await system.registered(fleet)
        fleet.dead |= {"t1", "t2"}
        await system.nats.jetstream().delete_stream("MAKIMA_HEARTBEATS")
        await asyncio.sleep(FROZEN)  # the fault itself
        await system.provision()
        await system.exactly({"t1", "t2"})


async def test_heartbeats_that_nobody_can_read_harm_nobody(
    database: str, make_nats: MakeNats, tmp_path: Path
) -> None:
    """t1 sends rubbish from now on: it lives, whatever it says. That t2 dies is found as before."""
    broker = await make_nats()
    async with (
        detecting(database, broker, tmp_path) as system,
        Fleet(system.nats, SUPERVISORS).beating() as fleet,
    ):
        await system.registered(fleet)
        fleet.dead |= {"t1", "t2"}

        async def rubbish() -> None:
            while True:
                await system.nats.publish("makima.heartbeats.supervisor.d1.t1", b'{"task_id":"t1"')
                await asyncio.sleep(fleet.interval)

        async with asyncio.TaskGroup() as group:
            task = group.create_task(rubbish())
            await system.exactly({"t2"})
            await end(task)
