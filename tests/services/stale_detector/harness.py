"""The detector and the owner of its senders inside the test's process, on real servers, with a fleet that
beats.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import msgspec
from makima_kernel.event_log.append import Append, Outcome, new_event
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.service.contracts_settings import ContractsSettings
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.codec import Event, decode
from makima_schemas.envelope import EventMeta, Recorded
from makima_schemas.heartbeat import DaemonHeartbeat, SupervisorHeartbeat
from makima_schemas.supervisor import SupervisorState
from makima_stale_detector import app
from makima_supervisor_heartbeat import app as owner_app
from nats.aio.client import Client
from nats.errors import Error as NatsError

from tests.background import end
from tests.contracts_in_the_log import create_contracts

INTERVAL = 0.3
TIMEOUT = 2.0
GRACE = 0.9  # with two intervals, the shortest timeout
CONTRACTS = tuple(f"c{number}" for number in range(40))  # of a fleet's supervisors


def quick(
    database: str,
    nats_url: str,
    *,
    timeout: float = TIMEOUT,
    agent_grace: float = 86400.0,
    stale_after: float = 1800.0,
    repeat: float = 60.0,
) -> Settings:
    """A detector that needs seconds where the real one needs minutes."""
    contracts = ContractsSettings(
        heartbeat_interval_seconds=INTERVAL,
        heartbeat_timeout_seconds=timeout,
        agent_timeout_seconds=timeout * 0.75,
        restart_timeout_seconds=timeout / 2,
        agent_grace_hours=agent_grace / 3600,
        reconnect_grace_seconds=GRACE,
        stale_threshold_minutes=stale_after / 60,
        stale_detection_interval_seconds=repeat,
    )
    return Settings(database_url=database, nats_url=nats_url, stream_budget=0.01, contracts=contracts)


@dataclass
class Fleet:
    """Supervisors `t0…` of contracts `c0…` on the daemons in turn, each beating on its own; `dead` have stopped.
    While it is `muted`, and until `muted_until`, everyone lives on and all heartbeats are lost.
    """

    nats: Client
    supervisors: Sequence[str]
    daemons: Sequence[str] = ("d1",)
    interval: float = INTERVAL
    state: SupervisorState = SupervisorState.WORKING
    connections: dict[str, str] = field(default_factory=dict[str, str])
    dead: set[str] = field(default_factory=set[str])
    muted: bool = False
    muted_until: float = 0.0  # of the event loop's clock
    pauses: dict[str, float] = field(default_factory=dict[str, float])  # each one's longest, in seconds

    async def beat(self, name: str) -> None:
        if name in self.daemons:
            body = DaemonHeartbeat(name, "host", 1, datetime.now(UTC))
            await self.nats.publish(subjects.daemon_heartbeat(name), msgspec.json.encode(body))
            return
        connection = self.connections.setdefault(name, f"{name}-1")
        said = SupervisorHeartbeat(
            name, name.replace("t", "c"), self.state, "plan", datetime.now(UTC), connection_id=connection
        )
        await self.nats.publish(
            subjects.supervisor_heartbeat(self.daemon_of(name), name), msgspec.json.encode(said)
        )

    def daemon_of(self, supervisor: str) -> str:
        return self.daemons[int(supervisor.strip("t")) % len(self.daemons)]

    async def _live(self, name: str, offset: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(offset)
        before = loop.time()
        while name not in self.dead:
            with suppress(NatsError):
                if not self.muted and loop.time() >= self.muted_until:
                    await self.beat(name)
            self.pauses[name] = max(self.pauses.get(name, 0.0), loop.time() - before)
            before = loop.time()
            await asyncio.sleep(self.interval)

    def starved(self, seconds: float) -> set[str]:
        """Who paused for longer, as this process had no turn: no fault of whoever judges them."""
        return {name for name, pause in self.pauses.items() if pause > seconds}

    @asynccontextmanager
    async def beating(self) -> AsyncGenerator["Fleet"]:
        everyone = [*self.supervisors, *self.daemons]
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._live(name, self.interval * at / len(everyone)))
                for at, name in enumerate(everyone)
            ]
            yield self
            await end(*tasks)


@dataclass(frozen=True)
class LogReader:
    """What the log says."""

    log: Log

    async def all(self, name: str) -> list[Recorded]:
        """Every event of this type, in order."""
        found: list[Recorded] = []
        position = 0
        while batch := await self.log.after(position, 1000):
            found += [each for each in batch if each.type == name]
            position = batch[-1].position
        return found

    async def silent(self) -> list[str]:
        """The ids of those who were declared dead, as often as they were."""
        return [each.entity_id.partition(":")[2] for each in await self.all("SilenceDetected")]

    async def events(self, stream: str) -> list[Event]:
        return [
            decode(each.type, each.schema, each.data) for each in await self.log.stream("default", stream)
        ]


@dataclass(frozen=True)
class Running(LogReader):
    detectors: list[Service]
    settings: Settings

    async def record(self, stream: str, *events: Event) -> Outcome:
        """As another service would."""
        command = uuid4()
        append = Append(
            "default",
            stream,
            command,
            command.bytes,
            None,
            tuple(new_event(each) for each in events),
            EventMeta(actor="test"),
        )
        return await self.detectors[0].appender.append(append)


@asynccontextmanager
async def running(
    settings: Settings, pool: asyncpg.Pool, nats: Client, *, replicas: int = 1, owner: bool = True
) -> AsyncGenerator[Running]:
    await provision(nats, Log(pool), budget=0.01)
    await create_contracts(pool, CONTRACTS if owner else ())
    async with AsyncExitStack() as stack:
        if owner:
            await stack.enter_async_context(Service.running(owner_app.NAME, settings, owner_app.build))
        detectors = [
            await stack.enter_async_context(Service.running(app.NAME, settings, app.build))
            for _ in range(replicas)
        ]
        yield Running(Log(pool), detectors, settings)


async def known(system: Running, fleet: Fleet) -> None:
    async def registered() -> bool:
        return len(await system.all("SupervisorRegistered")) == len(fleet.supervisors)

    await eventually(registered)
