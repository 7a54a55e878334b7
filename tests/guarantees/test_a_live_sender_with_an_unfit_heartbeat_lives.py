"""Guarantee 4, for clumsy senders: whatever is wrong with its heartbeats, who sends them is not declared dead."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import orjson
from makima_schemas import subjects
from makima_schemas.heartbeat import SupervisorHeartbeat
from makima_schemas.supervisor import SupervisorState

from tests.background import end
from tests.guarantees.detector_cluster import detecting
from tests.servers import MakeNats
from tests.services.stale_detector.harness import Fleet

UNFIT: dict[str, dict[str, object]] = {
    "t0": {"current_activity": "x" * 2001},
    "t1": {"current_activity": "nul\0"},
    "t2": {"pending_task_ids": [str(number) for number in range(257)]},
    "t3": {"progress": 33.0},
    "t4": {"timestamp": "2026-01-01T00:00:00"},
    "t5": {"state": "dreaming"},  # refused
    "t6": {"contract_id": "no id"},  # refused
}


async def test_senders_of_unfit_heartbeats_live_and_those_that_stop_are_found(
    database: str, make_nats: MakeNats, tmp_path: Path
) -> None:
    """Each is registered by heartbeats that fit; `t8` stops then, and is how we know that time passes."""
    broker = await make_nats()
    unfit: dict[str, dict[str, object]] = {}  # what is wrong with whose heartbeats; empty: nothing yet

    def body(name: str) -> bytes:
        contract, now = name.replace("t", "c"), datetime.now(UTC)
        fits = SupervisorHeartbeat(
            name, contract, SupervisorState.WORKING, "plan", now, connection_id=f"{name}-1"
        )
        return orjson.dumps(msgspec.to_builtins(fits) | unfit.get(name, {}))

    async with (
        detecting(database, broker, tmp_path) as system,
        Fleet(system.nats, [*UNFIT, "t8"]).beating() as fleet,
        asyncio.TaskGroup() as group,
    ):

        async def beat(name: str) -> None:
            while True:
                await system.nats.publish(
                    subjects.supervisor_heartbeat(fleet.daemon_of(name), name), body(name)
                )
                await asyncio.sleep(fleet.interval)

        await system.registered(fleet)
        unfit |= UNFIT
        fleet.dead |= {*UNFIT, "t8"}
        beating = [group.create_task(beat(name)) for name in UNFIT]
        await system.exactly({"t8"})
        await end(*beating)
        await system.exactly({"t8", *UNFIT})
