"""Detectors and the owner of their senders as processes of their own, which can be frozen, killed and started
again.
"""

import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import nats as nats_py
import orjson
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.testing import eventually
from makima_local import ports
from makima_local.nats import Nats
from makima_local.processes import Program, Runner
from makima_schemas.codec import decode
from makima_schemas.silence import SilenceDetected
from nats.aio.client import Client

from tests.contracts_in_the_log import create_contracts
from tests.forked_processes import forked_programs
from tests.freezing import freeze
from tests.guarantees.heartbeat_oracle import stored
from tests.services.stale_detector.harness import CONTRACTS, GRACE, INTERVAL, TIMEOUT, Fleet, LogReader

OWNER = "supervisor_heartbeat"
DETECTOR = "stale_detector"
AGENT_TIMEOUT = 0.75 * TIMEOUT


@dataclass(frozen=True)
class Detection(LogReader):
    """`detector(n)` names the nth replica for the runner."""

    runner: Runner
    broker: Nats
    nats: Client
    env: dict[str, str]
    folder: Path
    health: dict[str, int] = field(default_factory=dict[str, int])

    def start(self, name: str) -> None:
        service = name.partition("-")[0]
        self.health[name] = ports.free()
        self.runner.start(
            Program(
                name,
                (sys.executable, "-m", f"makima_{service}"),
                self.folder,
                self.folder / f"{name}.log",
                health_port=self.health[name],
                env={**self.env, "MAKIMA_HEALTH_PORT": str(self.health[name])},
            )
        )

    async def provision(self) -> None:
        await provision(self.nats, self.log, budget=0.01)

    async def freeze(self, name: str) -> None:
        await freeze(self.runner, name)

    def thaw(self, name: str) -> None:
        self.runner.send(name, signal.SIGCONT)

    async def registered(self, fleet: Fleet) -> None:
        """Wait until the log knows everyone who beats, each by a heartbeat of its own: a daemon that only its
        supervisors have named is nobody who could be missed.
        """

        async def known() -> bool:
            supervisors = {each.entity_id for each in await self.all("SupervisorRegistered")}
            connected = await self.all("DaemonConnected")
            daemons = {each.entity_id for each in connected if orjson.loads(each.data)["hostname"]}
            return supervisors >= set(fleet.supervisors) and daemons >= set(fleet.daemons)

        await eventually(known)

    async def verdicts(self) -> list[SilenceDetected]:
        found = [decode(each.type, each.schema, each.data) for each in await self.all("SilenceDetected")]
        return [verdict for verdict in found if isinstance(verdict, SilenceDetected)]

    async def exactly(self, died: set[str]) -> None:
        """Wait until all of them were declared dead, and then until anybody else would have been who is
        wronged: nobody else is, and nobody twice. What was silent is what the broker stored: a fleet that
        this machine let starve is no fault of the detector's.
        """

        async def found() -> bool:
            return (await stored(self.nats)).silent(await self.verdicts()) >= died

        await eventually(found, 150, every=0.1, because="somebody's death was not found")  # after holds
        await self.seen_to_flow(TIMEOUT + GRACE + INTERVAL)

        async def nobody_else() -> bool:
            return (await stored(self.nats)).silent(await self.verdicts()) == died

        await eventually(nobody_else, every=0.1, because=f"other than {sorted(died)} stay declared dead")
        truth, verdicts = await stored(self.nats), await self.verdicts()
        wronged = [
            (verdict, truth.flowed_since_heard(verdict))
            for verdict in verdicts
            if not truth.justifies(verdict)
        ]
        assert wronged == [], f"live senders were declared dead: {wronged}"
        twice = truth.declared_twice(verdicts)
        assert twice == [], f"deaths were declared twice: {twice}"

    async def seen_to_flow(self, seconds: float) -> None:
        """Wait until each shard's observed clock must have advanced that much."""
        since = max(time for times in (await stored(self.nats)).shards.values() for time in times)

        async def passed() -> bool:
            return (await stored(self.nats)).flowed_everywhere(since).total_seconds() >= seconds

        await eventually(passed, 60, every=0.2, because="the canaries stand still")

    def asked(self, name: str) -> int:
        """For how many deaths this replica has had an answer."""
        lines = (self.folder / f"{name}.log").read_text().splitlines()
        return sum("verdict.accepted" in line or "verdict.declined" in line for line in lines)


@asynccontextmanager
async def detecting(
    database: str, broker: Nats, folder: Path, *, replicas: int = 1
) -> AsyncGenerator[Detection]:
    """All of them ready on entry, all of them gone on exit."""
    env = {
        "MAKIMA_DATABASE_URL": database,
        "MAKIMA_NATS_URL": broker.url,
        "MAKIMA_STREAM_BUDGET": "0.01",
        "MAKIMA_CONTRACTS__HEARTBEAT_INTERVAL_SECONDS": str(INTERVAL),
        "MAKIMA_CONTRACTS__HEARTBEAT_TIMEOUT_SECONDS": str(TIMEOUT),
        "MAKIMA_CONTRACTS__AGENT_TIMEOUT_SECONDS": str(AGENT_TIMEOUT),
        "MAKIMA_CONTRACTS__RECONNECT_GRACE_SECONDS": str(GRACE),
    }
    client = await nats_py.connect(broker.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)  # pyright: ignore[reportArgumentType] - ends in asyncio.sleep
    try:
        with forked_programs():
            async with (
                asyncpg.create_pool(database, min_size=1, max_size=4) as pool,
                Runner(patience=5.0) as runner,
            ):
                made = Detection(Log(pool), runner, broker, client, env, folder)
                await made.provision()
                await create_contracts(pool, CONTRACTS)
                for name in (OWNER, *(f"{DETECTOR}-{number}" for number in range(replicas))):
                    made.start(name)
                await runner.ready()
                yield made
    finally:
        await client.close()
