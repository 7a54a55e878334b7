"""Guarantee 4, its second half, for agents beside the supervisors of their machines: by two detectors, of which one
is killed, and with a process that comes back.
"""

import asyncio
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import msgspec
from makima_kernel.commands.client import Bus
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.agent import AgentStatusChanged, JoinAgent
from makima_schemas.commands import Accepted, Request
from makima_schemas.heartbeat import AgentHeartbeat

from tests.background import end
from tests.guarantees.detector_cluster import AGENT_TIMEOUT, DETECTOR, OWNER, Detection, detecting
from tests.guarantees.heartbeat_oracle import stored
from tests.servers import MakeNats
from tests.services.stale_detector.harness import INTERVAL, TIMEOUT, Fleet

ROLES = [f"r{number}" for number in range(8)]  # of the contract c0


async def join(system: Detection, role: str, connection: str) -> None:
    asked: Request[object] = Request(uuid4(), f"c0:{role}", asdict(JoinAgent(connection, "d1")), actor="test")

    async def accepted() -> bool:
        return isinstance(await Bus(system.nats).ask(OWNER, "join_agent", asked), Accepted)

    await eventually(accepted)


async def deaths(system: Detection) -> Counter[str]:
    """By role: how often the log says that it died."""
    found = Counter[str]()
    for role in ROLES:
        events = await system.events(f"agent-c0:{role}")
        found[role] = sum(isinstance(event, AgentStatusChanged) for event in events)
    return +found


async def test_two_detectors_find_each_agent_that_died_once_and_the_others_never(
    database: str, make_nats: MakeNats, tmp_path: Path
) -> None:
    broker = await make_nats()
    living = dict.fromkeys(ROLES, "x")  # by role: the connection that beats
    async with (
        detecting(database, broker, tmp_path, replicas=2) as system,
        Fleet(system.nats, ["t0"]).beating() as fleet,
        asyncio.TaskGroup() as group,
    ):

        async def beat() -> None:
            while True:
                for role, connection in living.items():
                    said = AgentHeartbeat("c0", role, connection, 1, datetime.now(UTC))
                    subject = subjects.agent_heartbeat("d1", "c0", role)
                    await system.nats.publish(subject, msgspec.json.encode(said))
                await asyncio.sleep(INTERVAL)

        async def died(*roles: str) -> bool:
            return (await deaths(system)).keys() >= set(roles)

        await system.registered(fleet)
        for role in ROLES:
            await join(system, role, "x")
        beating = group.create_task(beat())
        del living["r0"], living["r1"]
        await eventually(lambda: died("r0", "r1"), 60)
        await system.runner.stop(f"{DETECTOR}-0", patience=0.0)
        await join(system, "r0", "x")  # the same process is back
        living["r0"] = "x"
        await join(system, "r2", "y")  # another one; the old one beats on and is nobody any more
        await eventually(lambda: died("r2"), 60)
        system.start(f"{DETECTOR}-0")
        await system.runner.ready()
        del living["r3"]
        await eventually(lambda: died("r3"), 60)
        await system.seen_to_flow(TIMEOUT)
        once = Counter({"r0": 1, "r1": 1, "r2": 1, "r3": 1})
        told = Counter(each.partition(":")[2] for each in await system.silent())
        longest = (await stored(system.nats)).longest_pause(f"c0:{role}" for role in ROLES[4:])
        starved = longest.total_seconds() > AGENT_TIMEOUT
        assert (await deaths(system) == told == once) or (starved and told.keys() >= once.keys()), (
            "the agents are this process's: a slow machine silences them"
        )
        await end(beating)
