"""A service that is killed after any step of a restoration goes on to the same outcome; questions come again once."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import orjson
import pytest
from makima_contract import app as contract
from makima_kernel.commands.client import Bus
from makima_kernel.commands.router import snake_case
from makima_kernel.event_log.append import new_event
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas import subjects
from makima_schemas.codec import Event
from makima_schemas.commands import Accepted, Request
from makima_schemas.contract.events import ContractAssigned, ContractStarted, QuestionAsked
from makima_schemas.evidence import Evidence
from makima_schemas.supervisor import (
    RestorationProved,
    RestorationRequested,
    RestoreSupervisor,
    SaveState,
    StateCorruptionDetected,
    SupervisorState,
    SupervisorStateChanged,
)
from makima_supervisor_heartbeat import app
from nats.aio.client import Client

from tests.contracts_in_the_log import create_contracts
from tests.forked_processes import forked_programs
from tests.kernel.event_log.append_builders import call, command
from tests.services.supervisor_heartbeat.harness import Fleet, supervisor_beat

CONTRACT, TASK = "c1", "s1"
STREAM = f"supervisor-{TASK}"
RESTORE = RestoreSupervisor(CONTRACT, "d2", "k2")
WORKING, INTERRUPTED = SupervisorState.WORKING, SupervisorState.INTERRUPTED


@dataclass
class Killed:
    """The service as a process of its own, killed at the end of each step, and what is asked of it and of the log."""

    settings: Settings
    fleet: Fleet
    held_by: str  # the daemon whose supervisor is k1
    deaths: list[int] = field(default_factory=list[int])

    @asynccontextmanager
    async def step(self) -> AsyncGenerator[None]:
        """The service runs in it, and is killed by force at its end."""
        environment = {
            **os.environ,
            "MAKIMA_DATABASE_URL": self.settings.database_url,
            "MAKIMA_NATS_URL": self.settings.nats_url,
            "MAKIMA_STREAM_BUDGET": str(self.settings.stream_budget),
            "MAKIMA_LOG_LEVEL": "warning",
        }
        with forked_programs():
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"makima_{app.NAME}", env=environment
            )
        try:
            yield
            assert process.returncode is None, "it was to be killed, and ended before"
        finally:
            process.kill()
            self.deaths.append(await process.wait())

    async def ask(self, asked: SaveState | RestoreSupervisor) -> Accepted:
        """Until it is answered: the service may not have begun yet. One intent has one id."""
        request: Request[object] = Request(uuid4(), TASK, orjson.loads(orjson.dumps(asked)))
        bus, name = Bus(self.fleet.nats, timeout=PATIENCE / 10), snake_case(type(asked).__name__)

        async def answered() -> Accepted:
            reply = await bus.ask(app.NAME, name, request)
            assert isinstance(reply, Accepted), reply
            return reply

        return await eventually(answered)

    async def save(self, kind: str, content: str) -> None:
        await self.ask(SaveState(CONTRACT, kind, content, "k1"))  # pyright: ignore[reportArgumentType] - a kind

    async def beat(self, connection_id: str, daemon_id: str) -> None:
        heartbeat = supervisor_beat(TASK, contract_id=CONTRACT, connection_id=connection_id)
        await self.fleet.beat(heartbeat, daemon_id)

    async def append(self, stream: str, *events: Event) -> None:
        known = await self.fleet.log.stream("default", stream)
        await call(self.fleet.pool, command(stream, *map(new_event, events), expected=len(known)))

    async def die(self) -> None:
        """The detector's verdict on k1, after all that it said."""
        info = await self.fleet.nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)
        now, epoch = datetime.now(UTC), (info.config.metadata or {}).get("makima-epoch", "")
        proof = Evidence(now, 120.0, now, now, 0.0, "test", info.state.last_seq, epoch)
        died = SupervisorStateChanged(
            CONTRACT, self.held_by, "k1", WORKING, INTERRUPTED, "plan", "heartbeat_expired", proof
        )
        await self.append(STREAM, died)

    async def rot(self) -> None:
        """Alters a save as a broken disk would: past the trigger that keeps the log append-only."""
        pool = self.fleet.pool
        await pool.execute("alter table event_log.events disable trigger append_only")
        await pool.execute(
            "update event_log.events set data = replace(data::text, 'execute', 'exceute')::json where stream = $1",
            STREAM,
        )
        await pool.execute("alter table event_log.events enable always trigger append_only")

    async def has(self, kind: type[Event], count: int = 1) -> None:
        async def there() -> bool:
            return len(await self.events(kind)) >= count

        await eventually(there)

    async def events(self, kind: type[Event], stream: str = STREAM) -> Sequence[Event]:
        return [event for event in await self.fleet.events(stream) if isinstance(event, kind)]

    async def assignments(self) -> list[tuple[str, str | None]]:
        found = await self.events(ContractAssigned, f"contract-{CONTRACT}")
        return [(each.daemon_id, each.connection_id) for each in found if isinstance(each, ContractAssigned)]

    async def questions(self) -> list[bool]:
        """Of each time that a question was asked: whether it was again."""
        found = await self.events(QuestionAsked, f"contract-{CONTRACT}")
        return [each.again for each in found if isinstance(each, QuestionAsked)]

    async def settles(self, assignments: int) -> None:
        async def settled() -> bool:
            owed = await self.fleet.pool.fetchval("select count(*) from supervisor_heartbeat.restored")
            return owed == 0 and len(await self.assignments()) == assignments

        await eventually(settled)


async def saved(
    settings: Settings, pool: asyncpg.Pool, nats: Client, held_by: str, *saves: tuple[str, str]
) -> Killed:
    """A contract with an open question, whose supervisor k1 was heard, and saved this: each by another process."""
    await provision(nats, Log(pool), budget=settings.stream_budget)
    await create_contracts(pool, [CONTRACT])
    made = Killed(settings, Fleet(nats, pool, Log(pool), contracts={CONTRACT}), held_by)
    asked = QuestionAsked("q1", "Which provider?", "text")
    await made.append(f"contract-{CONTRACT}", ContractStarted(), ContractAssigned(held_by, "placed"), asked)
    await made.beat("k1", held_by)
    async with made.step():
        await made.fleet.until(STREAM, 1)
        for kind, content in saves:
            await made.save(kind, content)
    return made


@pytest.mark.parametrize(
    ("held_by", "rots", "outcome"),
    [("d2", False, "resumed"), ("d1", False, "resumed"), ("d1", True, "from_checkpoint")],
    ids=["the same daemon", "another daemon", "from a checkpoint"],
)
async def test_a_service_killed_after_each_step_of_a_restoration_comes_to_the_same_outcome(
    settings: Settings, pool: asyncpg.Pool, nats: Client, held_by: str, outcome: str, *, rots: bool
) -> None:
    saves = (("checkpoint", '{"plan":"the form"}'), ("phase", '{"phase":"execute"}'))
    service = await saved(settings, pool, nats, held_by, *saves)
    if held_by != RESTORE.daemon_id:
        await service.die()
    if rots:
        await service.rot()
    async with service.step():
        assert (await service.ask(RESTORE)).changed
    async with service.step():  # a repeat gets the same answer
        assert not (await service.ask(RESTORE)).changed
    await service.beat("k2", "d2")  # heard by nobody: the next one reads it from the broker
    async with service.step():
        await service.has(RestorationProved)
    # killed once it was proved, with nobody who could assign the contract
    assert await service.assignments() == [(held_by, None)]
    async with Service.running(contract.NAME, settings, contract.build):
        for _ in range(2):  # the second one finds nothing left to do
            async with service.step():
                await service.settles(2)
    assert await service.assignments() == [(held_by, None), ("d2", "k2")]
    assert await service.questions() == [False, True]
    requests = await service.events(RestorationRequested)
    assert [each.outcome for each in requests if isinstance(each, RestorationRequested)] == [outcome]
    assert len(await service.events(StateCorruptionDetected)) == int(rots)
    assert len(await service.events(RestorationProved)) == 1
    assert service.deaths == [-signal.SIGKILL] * 6


async def test_a_service_killed_after_each_step_lets_an_old_process_win_all_the_same(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    service = await saved(settings, pool, nats, "d1", ("phase", '{"phase":"execute"}'))
    await service.die()
    async with service.step():
        assert (await service.ask(RESTORE)).changed
    await service.beat("k1", "d1")  # it was not dead, and speaks first
    async with service.step():
        await service.has(SupervisorStateChanged, 2)
    await service.beat("k2", "d2")
    async with Service.running(contract.NAME, settings, contract.build):
        async with service.step():
            await service.fleet.recorded()
            await service.save("phase", '{"phase":"review"}')  # as k1, which is in force
        async with service.step():
            await service.save("phase", '{"phase":"done"}')
            await service.settles(1)
    *_, back = await service.events(SupervisorStateChanged)
    assert isinstance(back, SupervisorStateChanged)
    assert (back.connection_id, back.new_state, back.changed_by) == ("k1", WORKING, "heartbeat")
    assert await service.events(RestorationProved) == []
    assert (await service.assignments(), await service.questions()) == ([("d1", None)], [False])
    assert service.deaths == [-signal.SIGKILL] * 5
