"""Guarantee 4, for clumsy senders: whatever is wrong with its heartbeats, who sends them is not declared dead."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import asyncpg
import msgspec
import orjson
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.heartbeat import SupervisorHeartbeat
from makima_schemas.supervisor import SupervisorState
from nats.aio.client import Client

from tests.services.stale_detector.harness import INTERVAL, Fleet, quick, running

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
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    """Each is registered by one heartbeat that fits; `t8` stops then, and is how we know that time passes."""
    settings = quick(database, nats_url)

    def body(name: str, **wrong: object) -> bytes:
        contract, now = name.replace("t", "c"), datetime.now(UTC)
        said = SupervisorHeartbeat(name, contract, SupervisorState.WORKING, "plan", now, connection_id=name)
        return orjson.dumps(msgspec.to_builtins(said) | wrong)

    async def beat(name: str, said: Callable[[], bytes]) -> None:
        while True:
            await nats.publish(subjects.supervisor_heartbeat("d1", name), said())
            await asyncio.sleep(INTERVAL)

    async with (
        running(settings, pool, nats) as system,
        Fleet(nats, []).beating(),
        asyncio.TaskGroup() as group,
    ):
        for name in (*UNFIT, "t8"):
            await nats.publish(subjects.supervisor_heartbeat("d1", name), body(name))
        for name in (*UNFIT, "t8"):
            await eventually(lambda name=name: system.events(f"supervisor-{name}"))
        beating = [
            group.create_task(beat(name, lambda name=name: body(name, **UNFIT[name]))) for name in UNFIT
        ]

        async def found(*names: str) -> bool:
            return sorted(await system.silent()) == sorted(names)

        await eventually(lambda: found("t8"))
        await nats.publish(subjects.supervisor_heartbeat("d1", "t8"), body("t8"))

        async def again() -> bool:  # a second timeout has passed for everybody
            return await system.silent() == ["t8", "t8"]

        await eventually(again)
        for task in beating:
            task.cancel()
        await eventually(lambda: found("t8", "t8", *UNFIT))
