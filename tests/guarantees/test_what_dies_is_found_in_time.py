"""How soon the real services find what died, ten times as fast as the defaults. By the broker's time in the evidence:
how late the observed clock was, whatever this machine was late in telling it. And by the time at which the log has it.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import asyncpg
import msgspec
from makima_kernel.service.contracts_settings import ContractsSettings
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.agent import AgentJoined
from makima_schemas.codec import decode
from makima_schemas.heartbeat import AgentHeartbeat, DaemonHeartbeat, SupervisorHeartbeat
from makima_schemas.silence import MassSilenceCleared, MassSilenceSuspected, SilenceDetected, owner_stream
from makima_schemas.supervisor import SupervisorState
from nats.aio.client import Client
from nats.errors import Error as NatsError

from tests.background import end
from tests.contracts_in_the_log import OWNER
from tests.lateness import measured
from tests.services.stale_detector.harness import Running, running

# The defaults are 30, 120, 90 and 3 s, and 10 min.
TEN_TIMES_AS_FAST: Final = ContractsSettings(
    heartbeat_interval_seconds=3.0,
    heartbeat_timeout_seconds=12.0,
    agent_timeout_seconds=9.0,
    restart_timeout_seconds=6.0,
    reconnect_grace_seconds=0.3,
    stuck_after_seconds=60.0,
)
INTERVAL: Final = TEN_TIMES_AS_FAST.heartbeat_interval_seconds
OUTER_PATIENCE: Final = 90.0  # of a machine that has other work
CONNECTION: Final = "x"
# From the end of the timeout until the log has the verdict, on a machine that does nothing else.
RECORDED_WITHIN_SECONDS: Final = 4.0
VERDICTS: Final = {"AgentStatusChanged", "SupervisorStateChanged", "DaemonDisconnected"}


@dataclass
class Machines:
    """Daemons with what runs on them: supervisors by task id, `t0` of contract `c0`, and agents, `c0:builder`. What is
    on a machine in `silent`, or is itself in it, does not beat.
    """

    nats: Client
    supervisors: dict[str, str]  # by name: the daemon
    agents: dict[str, str]
    silent: set[str] = field(default_factory=set[str])

    @property
    def daemons(self) -> set[str]:
        return {*self.supervisors.values(), *self.agents.values()}

    def on(self, daemon: str) -> set[str]:
        own = {name for name, on in (*self.supervisors.items(), *self.agents.items()) if on == daemon}
        return {daemon, *own}

    async def beat(self) -> None:
        now = datetime.now(UTC)
        for daemon in self.daemons - self.silent:
            await self._say(subjects.daemon_heartbeat(daemon), DaemonHeartbeat(daemon, "host", 1, now))
            for name in self.on(daemon) - self.silent - {daemon}:
                contract, _, role = name.partition(":")
                if role:
                    said = AgentHeartbeat(contract, role, CONNECTION, 1, now)
                    await self._say(subjects.agent_heartbeat(daemon, contract, role), said)
                else:
                    works = SupervisorState.WORKING
                    told = SupervisorHeartbeat(
                        name, name.replace("t", "c"), works, "plan", now, connection_id=CONNECTION
                    )
                    await self._say(subjects.supervisor_heartbeat(daemon, name), told)

    async def _say(self, subject: str, said: msgspec.Struct) -> None:
        with suppress(NatsError):
            await self.nats.publish(subject, msgspec.json.encode(said))

    @asynccontextmanager
    async def beating(self, system: Running) -> AsyncGenerator[None]:
        """All of them known to the log on entry, and heard at least once."""

        async def live() -> None:
            while True:
                await self.beat()
                await asyncio.sleep(INTERVAL)

        async def known() -> bool:
            supervisors = {each.entity_id for each in await system.all("SupervisorRegistered")}
            daemons = {each.entity_id for each in await system.all("DaemonConnected")}
            return supervisors == set(self.supervisors) and daemons == self.daemons

        for name, daemon in self.agents.items():
            contract, _, role = name.partition(":")
            await system.record(f"agent-{name}", AgentJoined(contract, role, CONNECTION, daemon))
        living = asyncio.create_task(live())
        try:
            await eventually(known, OUTER_PATIENCE, because="not everyone was registered")
            yield
        finally:
            await end(living)


@asynccontextmanager
async def judged(
    database: str, nats_url: str, pool: asyncpg.Pool, machines: Machines
) -> AsyncGenerator[Running]:
    settings = Settings(
        database_url=database, nats_url=nats_url, stream_budget=0.01, contracts=TEN_TIMES_AS_FAST
    )
    async with running(settings, pool, machines.nats) as system, machines.beating(system):
        yield system


async def verdicts(system: Running) -> dict[str, SilenceDetected]:
    found = [decode(each.type, each.schema, each.data) for each in await system.all("SilenceDetected")]
    return {each.sender_id: each for each in found if isinstance(each, SilenceDetected)}


async def seconds_until_recorded(system: Running, told: SilenceDetected) -> float:
    """From the last heartbeat of a sender until its verdict was in the log."""
    stream = f"{told.sender_kind}-{told.sender_id}"
    (verdict,) = [
        each
        for each in await system.log.stream("default", stream)
        if (each.type in VERDICTS and b"heartbeat_expired" in each.data) or each.type == "DaemonDisconnected"
    ]
    assert told.evidence.last_heartbeat_at is not None
    return (verdict.recorded_at - told.evidence.last_heartbeat_at).total_seconds()


async def holds(system: Running, owners: Sequence[str]) -> list[list[type]]:
    return [[type(event) for event in await system.events(owner_stream(owner))] for owner in owners]


async def test_a_dead_agent_is_found_within_a_second_and_a_dead_laptop_of_forty_within_two_without_a_hold(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    supervisors = {f"t{number}": f"d{number % 4}" for number in range(12)}
    agents = {f"c{number % 12}:r{number}": "d0" for number in range(40)}
    machines = Machines(nats, supervisors, {**agents, "c1:alone": "d1"})
    async with judged(database, nats_url, pool, machines) as system, measured() as late:
        laptop = machines.on("d0")
        machines.silent |= {*laptop, "c1:alone"}

        async def found() -> bool:
            return (await verdicts(system)).keys() >= {*laptop, "c1:alone"}

        await eventually(found, OUTER_PATIENCE, every=0.25, because="somebody's death was not found")
        told = await verdicts(system)
        assert told.keys() == {*laptop, "c1:alone"}
        kinds = {
            "agent": TEN_TIMES_AS_FAST.agent_timeout_seconds,
            "supervisor": TEN_TIMES_AS_FAST.heartbeat_timeout_seconds,
            "daemon": TEN_TIMES_AS_FAST.heartbeat_timeout_seconds,
        }
        assert all(each.evidence.timeout_seconds == kinds[each.sender_kind] for each in told.values())
        assert 0 <= told["c1:alone"].evidence.lateness_ms <= 1000
        assert all(0 <= told[name].evidence.lateness_ms <= 2000 for name in laptop)
        for each in told.values():
            timeout = each.evidence.timeout_seconds
            after = await seconds_until_recorded(system, each)
            assert timeout <= after <= timeout + late.allowed(RECORDED_WITHIN_SECONDS), each
        assert await holds(system, (OWNER, "")) == [[], []]


async def test_half_of_twenty_daemons_that_vanish_are_held_and_healed_by_their_heartbeats_without_a_verdict(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    supervisors = {f"t{number}": f"d{number % 20}" for number in range(40)}
    agents = {f"c{number}:builder": f"d{number}" for number in range(20)}
    machines = Machines(nats, supervisors, agents)
    async with judged(database, nats_url, pool, machines) as system:
        machines.silent = {f"d{number}" for number in range(10)}

        async def all_are(*told: type) -> bool:
            return await holds(system, (OWNER, "")) == [list(told)] * 2

        await eventually(
            lambda: all_are(MassSilenceSuspected), OUTER_PATIENCE, every=0.25, because="nothing was held"
        )
        machines.silent.clear()
        await eventually(
            lambda: all_are(MassSilenceSuspected, MassSilenceCleared),
            OUTER_PATIENCE,
            every=0.25,
            because="the hold did not end",
        )
        for owner in (OWNER, ""):
            assert (await system.events(owner_stream(owner)))[-1] == MassSilenceCleared("heartbeats_resumed")
        assert await verdicts(system) == {}
